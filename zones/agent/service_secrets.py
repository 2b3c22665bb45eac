"""Secrets that a zone holds for services of the platform that serve some tenants only."""

import logging
from pathlib import Path
from typing import Final

from storage.platform.functions.spec import FunctionSpec

MAX_BYTES: Final = 16 * 1024

logger = logging.getLogger(__name__)

Secrets = tuple[tuple[str, str], ...]


class ServiceSecrets:
    """Files `<secrets>/<function>/<tenant>/<name>`, read again whenever they are asked for.

    A change of a file makes a change of the worker; a folder that goes takes the worker with it.
    """

    def __init__(self, secrets_dir: Path | None) -> None:
        self._secrets_dir = secrets_dir
        self._refused: set[Path] = set()

    def of(self, spec: FunctionSpec, tenant: str) -> Secrets | None:
        """Return the secrets that `spec` names and the tenant's folder has; None without a folder.

        A file that cannot be read, or is larger than `MAX_BYTES`, counts as missing.
        """
        if self._secrets_dir is None:
            return None
        folder = self._secrets_dir / spec.name / tenant
        if not folder.is_dir():
            return None
        found = ((name, self._read(folder / name)) for name in spec.secrets)
        return tuple((name, text) for name, text in found if text)

    def _read(self, path: Path) -> str | None:
        try:
            with path.open("rb") as file:
                text = file.read(MAX_BYTES + 1)
            if len(text) <= MAX_BYTES:
                self._refused.discard(path)
                return text.decode().strip()
            reason = f"it is larger than {MAX_BYTES} bytes"
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            reason = str(error)
        if path not in self._refused:
            logger.error("the secret %s is not used: %s", path, reason)
            self._refused.add(path)
        return None
