"""What the flags of `dead-letters` and `replay` select, and what they may not say."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.cli.exits import UsageRefused
from agents.cli.moments import moment
from agents.cli.replay import run
from agents.cli.selecting import selection
from schemas.settings import Settings
from streams.letters import Selection

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_each_flag_selects_what_it_names() -> None:
    flags = {"call": "c", "node": "crm", "endpoint": "bot/crm", "reason": "gone"}
    assert selection(flags) == Selection(call="c", node="crm", endpoint="bot/crm", reason="gone")
    assert selection({"type": "call.ended"}) == Selection(webhook="call.ended")


def test_a_call_can_be_named_without_a_flag() -> None:
    assert selection({}, "c") == selection({"call": "c"}) == selection({"call": "c"}, "c")


@pytest.mark.parametrize(
    ("flags", "call_id"),
    [
        ({"call": "a"}, "b"),
        ({"node": "crm", "type": "call.ended"}, None),
        ({"reason": "bad_luck"}, None),
        ({"since": "yesterday"}, None),
        ({"until": "2026-01-02"}, None),
    ],
)
def test_flags_that_make_no_sense_are_refused(flags: dict[str, str], call_id: str | None) -> None:
    with pytest.raises(UsageRefused, match="expected"):
        selection(flags, call_id)


def test_a_time_is_a_moment_or_how_long_ago() -> None:
    assert moment("--since", "2h", NOW) == NOW - timedelta(hours=2)
    assert moment("--since", "2026-03-01T13:00:00+02:00", NOW) == NOW - timedelta(hours=1)


def test_a_replay_of_nothing_in_particular_is_refused() -> None:
    with pytest.raises(UsageRefused, match="nothing that says what"):
        run(Selection(), 10.0, dry_run=True, as_json=False, settings=Settings())
