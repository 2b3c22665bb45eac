from pathlib import Path

import pytest

from functions.runtime.spec import FunctionSpec, SpecError, load_specs
from zones.catalogue import CatalogueError, FunctionEntry, load_catalogue

GOOD = """
name: mdms
tiers: [1, 2, 3]
role: FaaS
route_prefix: /v1/mdms
app: "functions.mdms.app:create_app"
scopes: {read: [mdms:read], write: [mdms:write]}
memory_mb: 512
concurrency: 8
idle_s: 60
max: 4
triggers: []
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name / "function.yaml"
    path.parent.mkdir()
    path.write_text(text)
    return path


def test_both_readers_of_a_function_agree(tmp_path: Path) -> None:
    write(tmp_path, "mdms", GOOD)

    entry = load_catalogue(tmp_path)["mdms"]
    (spec,) = load_specs(tmp_path)

    for name in FunctionEntry.__struct_fields__:
        mine, theirs = getattr(entry, name), getattr(spec, name)
        if name == "scopes":
            mine, theirs = (mine.read, mine.write), (theirs.read, theirs.write)
        assert mine == theirs, name
    assert entry.memory_mb == 512
    assert entry.scopes.write == ["mdms:write"]


def test_what_a_file_leaves_out_is_the_same_for_both_readers(tmp_path: Path) -> None:
    write(tmp_path, "f", "\n".join(GOOD.splitlines()[:6]))
    defaults = {"min", "max", "memory_mb", "timeout_s", "concurrency", "idle_s", "max_body_bytes"}

    entry = load_catalogue(tmp_path)["mdms"]
    (spec,) = load_specs(tmp_path)

    assert defaults < set(FunctionSpec.__struct_fields__)
    assert [getattr(entry, n) for n in defaults] == [getattr(spec, n) for n in defaults]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        pytest.param("tiers: [1, 2, 3]", "tiers: [0]", "$.tiers", id="tier_0"),
        pytest.param("name: mdms", "", "name", id="no_name"),
        pytest.param("memory_mb: 512", "memory_mb: much", "$.memory_mb", id="memory_in_words"),
        pytest.param("max: 4", "max: 4\nmin: 5", "$.min", id="minimum_above_maximum"),
        pytest.param("tiers: [1, 2, 3]", "tiers: [", "function.yaml", id="not_yaml"),
    ],
)
def test_a_faulty_function_is_refused_by_file_and_field(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    path = write(tmp_path, "mdms", GOOD.replace(old, new))

    with pytest.raises(CatalogueError) as by_zone:
        load_catalogue(tmp_path)
    with pytest.raises(SpecError) as by_runtime:
        load_specs(tmp_path)

    for refused in (by_zone, by_runtime):
        assert str(path) in str(refused.value)
        assert fault in str(refused.value)


def test_two_functions_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a", GOOD)
    write(tmp_path, "b", GOOD)

    with pytest.raises(CatalogueError, match="another function is named 'mdms'"):
        load_catalogue(tmp_path)
    with pytest.raises(SpecError, match="another function is named 'mdms'"):
        load_specs(tmp_path)
