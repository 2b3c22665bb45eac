"""What a function's folder must hold to be deployed: its spec, its code, pinned requirements."""

import re
from collections.abc import Iterable
from typing import Final

from storage.platform.functions.bundle import BundleFault, BundleFile
from storage.platform.functions.spec import FunctionSpec
from storage.platform.functions.spec_error import SpecError
from storage.platform.functions.spec_file import FILE_NAME, MAX_SPEC_BYTES, parse_function

HANDLER: Final = "handler.py"
APPLICATION: Final = "app.py"
REQUIREMENTS: Final = "requirements.txt"

_PINNED: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(?:\[[A-Za-z0-9._,\s-]*\])?\s*==\s*[A-Za-z0-9.!+*_-]+"
    r"(?:\s*;[^#@]*?)?(?:\s+--hash=sha(?:256|384|512):[0-9a-f]{64,128})+"
)
_ADVICE: Final = "write it with `pip-compile --generate-hashes`"


def check_folder(files: Iterable[BundleFile]) -> FunctionSpec:
    """Return the spec of a folder that can be deployed.

    Raises:
        SpecError: the spec or the requirements are at fault.
        BundleFault: there is no spec or no code in it.
    """
    contents = {file.path: file.content for file in files}
    spec = contents.get(FILE_NAME)
    if spec is None:
        raise BundleFault(f"there is no {FILE_NAME} in it")
    if HANDLER not in contents and APPLICATION not in contents:
        raise BundleFault(f"there is neither {HANDLER} nor {APPLICATION} in it")
    if HANDLER in contents and APPLICATION in contents:
        raise BundleFault(f"there are both {HANDLER} and {APPLICATION} in it: remove one")
    if len(spec) > MAX_SPEC_BYTES:
        reason = f"it is larger than {MAX_SPEC_BYTES} bytes"
        raise SpecError(file=FILE_NAME, reason=reason, advice="keep data in files of its own")
    found = parse_function(_text(spec, file=FILE_NAME))
    if REQUIREMENTS in contents:
        check_requirements(_text(contents[REQUIREMENTS], file=REQUIREMENTS))
    return found


def check_requirements(text: str) -> None:
    """Let requirements pass that are pinned with hashes, each, and nothing else.

    Raises:
        SpecError: another line, by its number.
    """
    first, joined = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        plain = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        first = first if joined else number
        joined += f" {plain.removesuffix(chr(92))}"
        if plain.endswith("\\"):
            continue
        wanted, joined = joined.strip(), ""
        if wanted and _PINNED.fullmatch(wanted) is None:
            raise SpecError(
                file=REQUIREMENTS,
                line=first,
                reason=f"{wanted[:60]!r} is no requirement with `==` and `--hash=sha256:...`",
                advice=_ADVICE,
            )
    if joined.strip():
        raise SpecError(
            file=REQUIREMENTS, line=first, reason="the last line goes on nowhere", advice=_ADVICE
        )


def _text(content: bytes, *, file: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise SpecError(file=file, reason="it is not UTF-8", advice="save it as UTF-8") from error
