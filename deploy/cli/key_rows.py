"""What `up` tells of the tenants' keys: their texts the first time, where they are ever after."""

from pathlib import Path

from deploy.lab.keys_file import LabKeys, first_showing

HOW_TO = (
    "`gridfaas key show TENANT` prints one, `gridfaas key create --tenant TENANT` makes another"
)


def key_rows(state: Path, keys: LabKeys) -> list[tuple[str, str]]:
    """Return rows of the summary. Logs and terminals are read by others, so texts come once."""
    kept = str(state / "keys.json")
    if not first_showing(state):
        return [("keys are kept in", kept), ("", HOW_TO)]
    shown = [(f"key {tenant}", text) for tenant, text in keys.tenants.items()]
    return [*shown, ("keys are kept in", f"{kept}; they are not shown here again")]
