import click
import pytest

from deploy.cli.load_options import FaultRate


@pytest.mark.parametrize(
    ("text", "fault"), [("late=0.05", ("late", 0.05)), ("clock-drift=1", ("clock-drift", 1.0))]
)
def test_a_fault_has_a_name_and_a_rate(text: str, fault: tuple[str, float]) -> None:
    assert FaultRate().convert(text, None, None) == fault


@pytest.mark.parametrize("text", ["gremlin=0.1", "late", "late=often", "late=1.5", "late=-0.1", ""])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"late=0\.05"):
        FaultRate().convert(text, None, None)
