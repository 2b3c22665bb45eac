"""Installs requirements into a folder as an account that owns nothing else; run as a script.

The interpreter may sit where that account cannot reach, so all of pip is imported before the
drop. Only wheels are taken: no code of a package runs here.
"""

import importlib
import os
import pkgutil
import resource
import shutil
import sys
import warnings
from pathlib import Path

MAX_FILE_BYTES = 512 << 20
CPU_S = 240
# Modules that Python loads by name, from where the account may not read any more.
LAZY = (
    *("stringprep", "unicodedata", "netrc", "zipfile", "bz2", "lzma", "compileall", "py_compile"),
    *("concurrent.futures.thread", "html.parser", "email.mime.text", "http.cookiejar"),
)


def main() -> int:
    """Run with: requirements file, target folder, working folder, user id or `-` for none."""
    requirements, target, work, uid = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if uid != "-":
        _import_all()
        # The account that pip runs as has no home to find them in.
        _take_settings_along(Path(work))
        os.setgroups([])
        os.setresgid(int(uid), int(uid), int(uid))
        os.setresuid(int(uid), int(uid), int(uid))
        os.chdir(work)
        sys.path[:] = [path for path in sys.path if os.access(path, os.R_OK | os.X_OK)]
    os.environ["HOME"] = os.environ["TMPDIR"] = work
    os.umask(0o022)
    run = importlib.import_module("pip._internal.cli.main").main
    return int(
        run(
            [
                *("install", "--quiet", "--no-input", "--no-cache-dir", "--require-hashes"),
                *("--disable-pip-version-check", "--only-binary", ":all:", "--no-warn-conflicts"),
                *("--target", target, "--requirement", requirements),
            ]
        )
    )


def _import_all() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in LAZY:
            importlib.import_module(name)
        found = [
            module.name
            for package in (importlib.import_module("encodings"), importlib.import_module("pip"))
            for module in pkgutil.walk_packages(
                package.__path__, f"{package.__name__}.", onerror=lambda name: None
            )
        ]
        for name in found:
            if name.endswith("__"):
                continue
            try:
                importlib.import_module(name)
            except (ImportError, AttributeError, OSError, RuntimeError):
                # Some are for other systems; pip does without them here, too.
                continue


def _take_settings_along(work: Path) -> None:
    """Turn pip's configuration files into environment, and copy the certificates."""
    configuration = importlib.import_module("pip._internal.configuration").Configuration(False)
    configuration.load()
    for key, value in configuration.items():
        section, _, name = key.partition(".")
        if section in ("global", "install"):
            os.environ.setdefault(f"PIP_{name.upper().replace('-', '_')}", str(value))
    os.environ["PIP_CONFIG_FILE"] = os.devnull
    given = os.environ.get("PIP_CERT")
    source = given or importlib.import_module("pip._vendor.certifi").where()
    certificates = work / "certificates.pem"
    shutil.copyfile(source, certificates)
    certificates.chmod(0o644)
    os.environ["PIP_CERT"] = str(certificates)


if __name__ == "__main__":
    sys.exit(main())
