"""Plans and keys come from files, and say what is wrong with them."""

from pathlib import Path

import pytest

from meter_emulator.plan import PlanUnreadable, TenantLoad, read_tenants


def test_a_plan_names_its_tenants(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text('[{"tenant":"a","key_file":"/k/a","count":5,"seed":3}]')

    assert read_tenants(path) == (TenantLoad(tenant="a", key_file="/k/a", count=5, seed=3),)


@pytest.mark.parametrize("text", ["", "[]", "{}", '[{"tenant":"a","key":"gf_x","count":1}]'])
def test_anything_else_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)

    with pytest.raises(PlanUnreadable, match=r"plan\.json"):
        read_tenants(path)


def test_a_key_is_the_one_word_of_its_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("gf_secret\n")

    assert TenantLoad(tenant="a", key_file=str(path), count=1).key() == "gf_secret"


@pytest.mark.parametrize("text", ["", "two words", "gf_\u00e9"])
def test_a_key_file_with_anything_else_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(PlanUnreadable, match="key file"):
        TenantLoad(tenant="a", key_file=str(path), count=1).key()
