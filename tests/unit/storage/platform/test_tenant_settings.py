from datetime import date
from typing import Any

import pytest

from functions.cold_storage.settings import ColdStorageSettings
from functions.hot_storage.policy import HotPolicy, read_policy
from functions.mdms.settings import MdmsSettings, read_settings
from storage.platform.tenant_settings import (
    ColdStorageTenantSettings,
    HotStorageTenantSettings,
    InvalidSettings,
    MdmsTenantSettings,
    changed_settings,
    known_settings,
)


def test_a_change_is_merged_by_service_and_name() -> None:
    before = {"mdms": {"stale_after_days": 14, "max_query_days": 60}}

    after = changed_settings(before, {"mdms": {"stale_after_days": 30, "max_query_days": None}})

    assert after == {"mdms": {"stale_after_days": 30}}
    assert before["mdms"]["stale_after_days"] == 14


def test_the_desk_of_a_tenant_is_its_own_to_set() -> None:
    holidays = ["2026-03-20", "2026-07-14"]
    set_to = {
        "time_zone": "Asia/Baghdad",
        "weekend": ["friday", "saturday"],
        "holidays": holidays,
        "approve_edits": True,
    }

    after = changed_settings({}, {"mdms": set_to})
    read = read_settings(after["mdms"])

    assert after == {"mdms": set_to}
    assert (read.weekend_days, read.approve_edits) == ({4, 5}, True)
    assert read.time_zone == "Asia/Baghdad"
    assert read.holidays == {date(2026, 3, 20), date(2026, 7, 14)}


def test_what_is_taken_back_leaves_nothing() -> None:
    before = {"mdms": {"stale_after_days": 14}}

    assert changed_settings(before, {"mdms": {"stale_after_days": None}}) == {}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"mdms": {"stale_after_days": 0}}, id="out_of_range"),
        pytest.param({"mdms": {"stale_after_days": "30"}}, id="a_text"),
        pytest.param({"mdms": {"weekend": ["Freitag"]}}, id="no_such_day"),
        pytest.param({"mdms": {"holidays": ["2026-02-30"]}}, id="no_such_date"),
        pytest.param({"mdms": {"time_zone": "Asia/Bagdad"}}, id="no_such_time_zone"),
        pytest.param({"mdms": {"time_zone": "Asia"}}, id="a_folder_of_time_zones"),
        pytest.param({"mdms": {"time_zone": "../../etc/passwd"}}, id="a_path"),
        pytest.param({"mdms": {"time_zone": "Asia\0"}}, id="no_name"),
        pytest.param({"mdms": {"fold_after_s": 1}}, id="not_the_tenants_to_set"),
        pytest.param({"billing": {"x": 1}}, id="no_such_service"),
        pytest.param({"mdms": 3}, id="no_object"),
    ],
)
def test_what_is_no_setting_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidSettings):
        changed_settings({}, change)


def test_every_setting_is_one_that_mdms_reads() -> None:
    assert set(MdmsTenantSettings.__struct_fields__) <= set(MdmsSettings.__struct_fields__)
    assert "mdms.stale_after_days" in known_settings()


def test_every_setting_of_the_tiers_is_one_that_they_read() -> None:
    assert set(HotStorageTenantSettings.__struct_fields__) <= set(HotPolicy.__struct_fields__)
    cold = set(ColdStorageTenantSettings.__struct_fields__)
    assert cold <= set(ColdStorageSettings.__struct_fields__)
    hold = {"since": "2026-07-01", "until": "2026-07-04"}

    after = changed_settings({}, {"hot_storage": {"hot_days": 30, "holds": [hold]}})

    policy = read_policy(after["hot_storage"])
    assert (policy.hot_days, len(policy.holds[0].days)) == (30, 3)
