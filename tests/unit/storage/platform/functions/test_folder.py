import pytest

from storage.platform.functions.bundle import BundleFault, BundleFile
from storage.platform.functions.folder import check_folder, check_requirements
from storage.platform.functions.spec_error import SpecError

HASH = "--hash=sha256:" + "0" * 64


def folder(**contents: str) -> list[BundleFile]:
    names = {"spec": "function.yaml", "requirements": "requirements.txt"}
    return [
        BundleFile(path=names.get(name, f"{name}.py"), content=content.encode())
        for name, content in contents.items()
    ]


def test_spec_and_handler_are_enough() -> None:
    assert check_folder(folder(spec="name: late\n", handler="")).name == "late"


@pytest.mark.parametrize(
    ("files", "why"),
    [
        pytest.param(folder(handler=""), r"no function\.yaml", id="no_spec"),
        pytest.param(folder(spec="name: f"), "neither", id="no_code"),
        pytest.param(folder(spec="name: f", handler="", app=""), "both", id="two_entries"),
    ],
)
def test_a_folder_that_lacks_something_is_refused(files: list[BundleFile], why: str) -> None:
    with pytest.raises(BundleFault, match=why):
        check_folder(files)


def test_a_fault_in_the_spec_is_named_by_line() -> None:
    with pytest.raises(SpecError, match=r"function\.yaml:2: memory: "):
        check_folder(folder(spec="name: f\nmemory: 1\n", handler=""))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"# by pip-compile\nidna==3.10 {HASH}\n", id="one"),
        pytest.param(f"idna==3.10 \\\n    {HASH} \\\n    {HASH}\n    # via httpx\n", id="folded"),
        pytest.param(f'x[extra]==1.0 ; python_version < "3.12" {HASH}\n', id="extra_and_marker"),
    ],
)
def test_pinned_requirements_pass(text: str) -> None:
    check_requirements(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("idna==3.10\n", 1, id="no_hash"),
        pytest.param(f"# a\nidna>=3 {HASH}\n", 2, id="not_pinned"),
        pytest.param(f"idna==3.10 {HASH}\n\n--index-url http://x\n", 3, id="an_option"),
        pytest.param(f"idna==3.10 \\\n  {HASH}\n-e .\n", 3, id="editable"),
        pytest.param(f"x @ file:///etc/passwd {HASH}\n", 1, id="a_file"),
        pytest.param("-r other.txt\n", 1, id="another_file"),
        pytest.param(f"x==1 --global-option=y {HASH}\n", 1, id="option_of_a_requirement"),
        pytest.param("x==1 \\\n", 1, id="goes_on_nowhere"),
    ],
)
def test_other_requirements_are_refused_by_line(text: str, line: int) -> None:
    with pytest.raises(SpecError) as refused:
        check_requirements(text)

    assert (refused.value.file, refused.value.line) == ("requirements.txt", line)
