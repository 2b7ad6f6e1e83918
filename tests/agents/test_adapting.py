"""When what platforms had said counts as read, and which topics are whose."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.adapting import PATIENCE, Adapting, Pass, group
from agents.cli.environment import read_settings
from agents.cli.exits import SettingsRefused
from agents.kafka.config import KafkaConfig
from agents.metrics import Metrics
from schemas.adapters.platforms import PLATFORMS, tables

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def adapting(now: datetime, *passes: Pass) -> Adapting:
    config = KafkaConfig("127.0.0.1:1", "demo", ("call-events", "demo-internal"), 8, Path())
    found = Adapting(config, tables(["t=vapi"]), "call-events", "dead-letters", Metrics(), lambda: now)
    found._passes.extend(passes)
    return found


def test_all_that_was_said_by_then_is_there_when_a_look_that_began_later_has_ended() -> None:
    early, late = Pass(AT - SECOND, AT + SECOND), Pass(AT + SECOND, AT + 2 * SECOND)
    assert adapting(AT + 3 * SECOND, early).through(AT) is None
    assert adapting(AT + 3 * SECOND, early, late).through(AT) == AT + 2 * SECOND
    assert (
        adapting(AT + 3 * SECOND, early, late, Pass(AT + 2 * SECOND, AT + 3 * SECOND)).through(AT)
        == AT + 2 * SECOND
    )


def test_a_topic_that_cannot_be_read_holds_up_no_conclusion_for_long() -> None:
    assert adapting(AT + PATIENCE).through(AT) is None
    assert adapting(AT + PATIENCE + SECOND).through(AT) == AT


def test_topics_are_named_with_their_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTCALL_ADAPT", "a.b=vapi, c=retell")
    assert tables(read_settings().adapt) == {"a.b": PLATFORMS["vapi"], "c": PLATFORMS["retell"]}
    assert group(KafkaConfig("b", "demo", ("t",), 1, Path())) == "demo-adapt"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("a", "POSTCALL_ADAPT: found 'a'; expected TOPIC=PLATFORM, the platform one of atoms, elevenlabs"),
        ("a=nokia", "POSTCALL_ADAPT: found 'a=nokia'; expected TOPIC=PLATFORM"),
        ("a b=vapi", "POSTCALL_ADAPT: found 'a b=vapi'; expected TOPIC=PLATFORM"),
        ("call-events=vapi", "POSTCALL_ADAPT: found 'call-events'; expected a topic of a platform's"),
        ("a=vapi,a=retell", "POSTCALL_ADAPT: found 'a' twice; expected one platform for a topic"),
    ],
)
def test_what_names_no_topic_or_platform_is_refused(
    words: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTCALL_ADAPT", words)
    with pytest.raises(SettingsRefused) as refused:
        read_settings()
    assert str(refused.value).startswith(said)
