"""nginx as the peer of our gateway: one worker, kept upstream connections, log and limit on."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from deploy.benchmarks.failure import PeerMissing
from deploy.benchmarks.listening import HOST, free_port, listening

CONFIG = """
daemon off;
master_process off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 1024; }}
http {{
    access_log {folder}/access.log combined;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000;
    limit_req_zone $http_authorization zone=calls:10m rate=1000000r/s;
    upstream worker {{
        server unix:{upstream};
        keepalive 64;
        keepalive_requests 1000000;
    }}
    server {{
        listen {host}:{port};
        location / {{
            limit_req zone=calls burst=1000 nodelay;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_pass http://worker;
        }}
    }}
}}
"""


def find_nginx() -> str:
    """Return the path of nginx: the one that $NGINX names, or the one on PATH.

    Raises:
        PeerMissing: neither exists.
    """
    asked = os.environ.get("NGINX") or "nginx"
    path = shutil.which(asked) or shutil.which(asked, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise PeerMissing("nginx is not installed: apt install nginx, or set NGINX to its path")
    return path


def nginx_version(nginx: str) -> str:
    """Return its version."""
    done = subprocess.run([nginx, "-v"], capture_output=True, text=True, timeout=10, check=False)
    return (done.stdout + done.stderr).strip().rpartition("/")[2]


@contextmanager
def running_nginx(
    nginx: str, *, upstream: str, folder: Path
) -> Iterator[tuple[psutil.Process, int]]:
    """Run it before the unix socket `upstream`; yields its only process and its port.

    Raises:
        MeasurementFailed: it did not start.
    """
    port = free_port()
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, upstream=upstream, host=HOST, port=port))
    command = [nginx, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(config)]
    with listening(command, port=port, log=folder / "stderr.log") as process:
        yield process, port
