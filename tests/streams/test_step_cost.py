"""What an event costs does not creep up unseen: work is counted, not timed, so a busy machine changes nothing."""

import gc
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from schemas import wire
from schemas.calls import Rendered
from schemas.delivery import Answered, Delivery
from streams import context, machine
from streams.definitions import Snapshot, fold
from streams.effects import Policy
from streams.simulation import Told, play
from streams.validation.checking import read_all
from streams.verdicts.changes import Durations
from tests.builders import CallStory, call

EXAMPLE = Path(__file__).parents[2] / "deploy/examples/customer-support.yaml"

CALLS_AN_EVENT = 350
"""Function calls of an event, everything included that follows from it (a proper call of ten events, three
nodes, a webhook). On Python 3.11 there are 327; before that was looked at, there were 495."""


def definitions() -> Snapshot:
    """The customer-support example in force."""
    documents = read_all([(EXAMPLE.name, EXAMPLE.read_bytes())]).documents
    snapshot, _ = fold(Snapshot(), ((one.key.encode(), wire.json_bytes(one.source)) for one in documents))
    return snapshot


DEFINITIONS = definitions()


def story(call_id: str) -> CallStory:
    """A proper call of ten events."""
    told = call(call_id).says("call.initiated", agent_id="support-bot").answered().started().node("greet")
    told = told.turn().turn().says("variables.updated", variables={"contact_id": 7, "email": "a@example.com"})
    return told.node("resolved", end=True).ended("end_node").analytics(disposition="resolved", summary="x")


def played(call_id: str) -> list[Told]:
    """A call, and all that becomes of it."""
    arrivals = [(event.occurred_at, event) for event in story(call_id).events]
    return play(call_id, arrivals, DEFINITIONS, Policy(Durations()), answer)


def answer(_delivery: Delivery, _rendered: Rendered, _now: Any) -> Answered:
    """Every endpoint is well."""
    return Answered(200, extracted={"ticket_id": "T-1"})


def counted(act: Callable[[], object]) -> Counter[str]:
    """How often which kind of call was made."""
    made: Counter[str] = Counter()

    def note(_frame: FrameType, kind: str, _what: object) -> None:
        made[kind] += 1

    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(None)
    return made


def test_an_event_takes_a_bounded_number_of_function_calls() -> None:
    played("warm")
    made = counted(lambda: played("c1"))
    assert (made["call"] + made["c_call"]) / 10 < CALLS_AN_EVENT


def test_a_call_that_is_measured_is_a_proper_one_with_all_its_requests() -> None:
    told = played("c1")[0]
    assert told.outcome is not None
    assert told.outcome.verdict.value == "PROPER"
    assert [one.state.value for one in told.deliveries.values()] == ["done"] * 4


def test_steps_leave_no_garbage_in_circles() -> None:
    played("warm")
    gc.collect()
    gc.disable()
    try:
        played("c1")
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_step_works_out_what_templates_read_only_once(monkeypatch: Any) -> None:
    built: list[Any] = []
    build, step, most = context.build, machine.step, 0

    def building(*given: Any, **named: Any) -> Any:
        built.append(given)
        return build(*given, **named)

    def stepping(*given: Any, **named: Any) -> Any:
        nonlocal most
        built.clear()
        made = step(*given, **named)
        most = max(most, len(built))
        return made

    monkeypatch.setattr(context, "build", building)
    monkeypatch.setattr(machine, "step", stepping)
    played("c1")
    assert most == 1
