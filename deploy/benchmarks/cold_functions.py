"""The tenant's functions that the cold-start benchmark calls, as bundles in a zone's snapshot."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from storage.platform.functions.bundle import BundleFile, digest_of, pack_bundle
from storage.platform.functions.folder import check_folder
from storage.platform.snapshot import DeploymentEntry

ANSWER: Final = "hello"

_SPEC: Final = """
name: {name}
provider: {provider}
memory_mb: 128
# Gone a few seconds after its last call.
idle_s: 1
scale: {{stable_s: 1}}
"""

_HANDLER: Final = f"""
async def handle(event, context):
    return "{ANSWER}"
"""

_FASTAPI: Final = f"""
from fastapi import FastAPI

app = FastAPI()


@app.get("/{{rest:path}}")
async def read(rest: str) -> str:
    return "{ANSWER}"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColdFunction:
    """One line of the benchmark; `frozen` says that its idle container is kept and resumed."""

    figure: str
    name: str
    provider: str
    file: str
    code: str
    frozen: bool = False

    def files(self) -> list[BundleFile]:
        """Return what a developer would have deployed."""
        spec = _SPEC.format(name=self.name, provider=self.provider)
        texts = {"function.yaml": spec, self.file: self.code}
        return [BundleFile(path=path, content=text.encode()) for path, text in texts.items()]


RAW: Final = ColdFunction(
    figure="process_raw", name="raw", provider="process", file="handler.py", code=_HANDLER
)
FASTAPI: Final = ColdFunction(
    figure="process_fastapi", name="fast", provider="process", file="app.py", code=_FASTAPI
)
DOCKER: Final = ColdFunction(
    figure="docker_cold", name="boxed", provider="docker", file="handler.py", code=_HANDLER
)
RESUMED: Final = ColdFunction(
    figure="docker_resumed",
    name="frozen",
    provider="docker",
    file="handler.py",
    code=_HANDLER,
    frozen=True,
)


def deploy(
    functions: Iterable[ColdFunction], *, tenant: str, folder: Path
) -> list[DeploymentEntry]:
    """Put bundles where the zone's agent keeps them, and return what its snapshot says of them."""
    entries: list[DeploymentEntry] = []
    folder.mkdir(mode=0o711)
    for function in functions:
        files = function.files()
        digest = digest_of(files)
        (folder / digest).mkdir(mode=0o711)
        (folder / digest / "bundle.tar.gz").write_bytes(pack_bundle(files))
        entries.append(
            DeploymentEntry(
                tenant=tenant,
                name=function.name,
                version=1,
                digest=digest,
                spec=check_folder(files),
            )
        )
    return entries
