"""What the zygote imports so that no worker has to, since after the drop it may not be able to."""

import importlib
import importlib.metadata
import logging
import os
from pathlib import Path

# Must be in the environment before numpy's libraries load: more than one thread forbids a fork.
os.environ.update(
    OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMEXPR_NUM_THREADS="1"
)

from functions.runtime.import_path import runtime_versions
from functions.runtime.kept_imports import import_folders
from functions.runtime.tls import client_context
from storage.platform.functions.spec_file import load_services

LIBRARIES = (
    "asyncio",
    "asyncpg",
    "fastapi",
    "httptools",
    "httpx",
    "msgspec",
    "numpy",
    "redis.asyncio",
    "sqlalchemy.ext.asyncio",
    "uvicorn",
    "uvloop",
    "zstandard",
)

# Found by listing sys.modules of a worker after its first calls: each loads on first use.
LAZY = (
    "anyio._backends._asyncio",
    "encodings.ascii",
    "encodings.idna",
    "encodings.latin_1",
    "encodings.utf_8_sig",
    "fastapi.openapi.utils",
    "fastapi.telemetry._runtime",
    "functions.runtime.api",
    "functions.runtime.problem",
    "functions.runtime.request",
    "functions.runtime.tenant_code",
    "functions.runtime.worker",
    "httpcore",
    "pydantic.v1",
    "sqlalchemy.dialects.postgresql.asyncpg",
    "stringprep",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
    "zoneinfo",
)

logger = logging.getLogger(__name__)


def preload(functions: Path) -> None:
    """Import the libraries and the application of every function under `functions`.

    One function that does not import must not take the others down: it is logged, and its
    workers will fail with the same error.

    Raises:
        SpecError: a function.yaml cannot be used.
        ImportError: a library of the platform is missing.
    """
    for name in (*LIBRARIES, *LAZY):
        importlib.import_module(name)
    client_context()
    runtime_versions()
    # redis asks for its own version at each start, which imports a reader of metadata.
    importlib.metadata.version("redis")
    for spec in load_services(functions).values():
        module = (spec.app or "").partition(":")[0]
        try:
            importlib.import_module(module)
        except Exception:
            logger.exception("function %s: %s does not import", spec.name, module)
    import_folders()
