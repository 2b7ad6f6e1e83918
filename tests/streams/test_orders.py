"""The verdict depends on what was said, not on the order, the repetitions or who said it (R13, R14).

What arrives within the grace gives the same verdict in any order; what arrives later only raises it.
"""

import random
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import EVENT_TYPES, Event
from schemas.evidence import Evidence
from schemas.workflow import Workflow
from streams.verdicts.learning import add
from streams.verdicts.verdict import judge
from tests.builders import ANSWERED, DURATIONS, WORKFLOW, CallStory, Listener, call, outcome_of, workflow

REACHED = call().ringing().answered().node("greet").turn().node("resolved", end=True)
WORKFLOWS = [
    None,
    WORKFLOW,
    workflow(proper_end="spoken"),
    workflow(transfer_policy="end_node"),
    workflow(voicemail_policy="end_node"),
]
SCENARIOS = {
    "proper": REACHED.closing("resolved").turn().ended("end_node"),
    "interrupted": REACHED.ended("caller_hangup"),
    "premature": call().answered().node("greet").turn().node("ask").ended("agent_hangup"),
    "left": REACHED.node("ask").turn().ended("completed").ended("caller_hangup"),
    "entered again": REACHED.node("ask").node("sorry", end=True).ended("inactivity"),
    "transferred": call().answered().node("greet").says("transfer.started").bridged().ended("completed"),
    "bridged late": REACHED.node("ask").bridged().node("resolved", end=True).ended("completed"),
    "voicemail": call().ringing().answered().voicemail().node("resolved", end=True).ended("completed"),
    "busy": call().queued().ringing().ended("busy").ended("completed").ended("caller_hangup"),
    "clocks apart": REACHED.node("ask", at=3, source="other").ended("completed", at=6).turn(at=9),
    "clock goes back": call().node("greet", at=9).node("resolved", end=True, at=4).ended("end_node", at=9),
    "after the end": call().answered().ended("busy", at=2).node("resolved", end=True, at=4.5).turn(at=5),
    "failed": call().answered().says("agent.error").ended("agent_error").analytics(),
    "unreadable nodes": call().says("node.entered", node_type="end_call").says("x.y").ended("unknown"),
}


def known(events: Iterable[Event]) -> Evidence:
    """What is known after these events."""
    evidence = Evidence()
    for event in events:
        evidence = add(evidence, event)
    return evidence


def shuffled(story: CallStory, seed: int) -> list[Event]:
    """The events in another order, some of them twice or three times."""
    dice = random.Random(seed)
    events = [*story.events, *dice.choices(story.events, k=dice.randrange(6))]
    dice.shuffle(events)
    return events


@pytest.mark.parametrize("name", SCENARIOS)
def test_any_order_with_duplicates_gives_the_same_verdict(name: str) -> None:
    story = SCENARIOS[name]
    for of in WORKFLOWS:
        told = outcome_of(story, of)
        assert all(outcome_of(shuffled(story, seed), of) == told for seed in range(25))


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_thousand_shuffles_leave_the_same_evidence(name: str) -> None:
    told = known(SCENARIOS[name].events)
    assert all(known(shuffled(SCENARIOS[name], seed)) == told for seed in range(1000))


@pytest.mark.parametrize("name", SCENARIOS)
def test_whatever_is_told_by_another_producer_gives_the_same_verdict(name: str) -> None:
    told = outcome_of(SCENARIOS[name])
    for seed in range(50):
        dice = random.Random(seed)
        story = CallStory("c1")
        for event in sorted(SCENARIOS[name].events, key=lambda each: (each.source, each.seq)):
            fields: dict[str, Any] = {
                "id": event.id,
                "seq": event.seq,
                "source": f"{event.source} {dice.randrange(2)}",
            }
            at = (event.occurred_at - SCENARIOS[name].events[0].occurred_at).total_seconds()
            story = story.says(event.type, at=at, **fields, **event.data)
        if name != "clock goes back":
            assert outcome_of(shuffled(story, seed)) == told


TWO_DAYS = timedelta(days=2).total_seconds()
TYPES = sorted(EVENT_TYPES | {"call.paused"})


@st.composite
def stories(draw: st.DrawFn, *, naming: bool = False) -> CallStory:
    """Events of two producers whose clocks jump; terminals name End Call nodes only when asked to."""
    story = call()
    for number in range(draw(st.integers(1, 9))):
        event_type = draw(st.sampled_from(TYPES))
        fields: dict[str, Any] = {"source": draw(st.sampled_from("ab")), "at": draw(st.integers(0, 12))}
        fields["seq"] = draw(st.none() | st.integers(0, 5))
        if event_type in {"node.entered", "closing.spoken"}:
            fields["node_id"] = draw(st.sampled_from(["greet", "ask", "resolved", "sorry", "new"]))
            fields["node_type"] = draw(st.sampled_from([None, "default", "end_call"]))
        if event_type == "call.ended":
            fields["reason"] = draw(st.sampled_from(["busy", "completed", "end_node", "caller_hangup", "?"]))
            fields["ended_at"] = draw(st.none() | st.just("2026-03-01T12:00:06Z"))
            if naming:
                fields["end_node_id"] = draw(st.none() | st.sampled_from(["resolved", "sorry", "greet"]))
        story = story.says(event_type, id=f"x{number}", **fields)
    return story


@settings(max_examples=400, deadline=None)
@given(stories(naming=True), st.randoms(use_true_random=False))
def test_evidence_is_a_set_of_facts(story: CallStory, dice: random.Random) -> None:
    events = [*story.events, *dice.choices(story.events, k=3)]
    dice.shuffle(events)
    assert known(events) == known(story.events)


@settings(max_examples=300, deadline=None)
@given(stories(), st.sampled_from(WORKFLOWS), st.randoms(use_true_random=False))
def test_within_the_grace_order_does_not_matter(
    story: CallStory, of: Workflow | None, dice: random.Random
) -> None:
    story = story.ended("completed", at=11)
    events = [*story.events, *dice.choices(story.events, k=3)]
    dice.shuffle(events)
    assert outcome_of(events, of) == outcome_of(story, of)


LATE_WORDS: list[tuple[str, dict[str, Any]]] = [
    *(("node.entered", {"node_id": node}) for node in ("greet", "ask", "resolved", "sorry", "resolved")),
    *((word, {}) for word in ("call.answered", "turn.completed", "transfer.bridged", "voicemail.detected")),
    *(("call.ended", {"reason": reason}) for reason in ("completed", "caller_hangup", "transferred")),
]
BEFORE = [call().ringing(), ANSWERED.node("greet"), ANSWERED.bridged(), REACHED, REACHED.node("ask")]


@st.composite
def crowds(draw: st.DrawFn) -> list[Event]:
    """Events of another producer that come at once, of before and after an end in the eighth second."""
    story = CallStory("c1")
    for number, (word, data) in enumerate(
        draw(st.lists(st.sampled_from(LATE_WORDS), min_size=2, max_size=6))
    ):
        fields = {"id": f"late {number}", "source": "other", "seq": number, **data}
        story = story.says(word, at=draw(st.integers(2, 12)), **fields)
    return list(story.events)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(BEFORE),
    crowds(),
    st.sampled_from(WORKFLOWS),
    st.booleans(),
    st.randoms(use_true_random=False),
)
def test_within_a_late_grace_order_does_not_matter(
    before: CallStory, late: list[Event], of: Workflow | None, ended: bool, dice: random.Random
) -> None:
    def came_to(events: list[Event]) -> tuple[object, ...]:
        listener = Listener(of).hear(before)
        if ended:
            listener.hear(call().ended("completed", id="end", at=8)).wait(3)
        listener.wait(0 if ended else TWO_DAYS).hear(events).wait(TWO_DAYS)
        return listener.outcome, listener.conversation.upgrades

    assert came_to(dice.sample(late, len(late))) == came_to(late)


@settings(max_examples=300, deadline=None)
@given(stories(naming=True), stories(naming=True))
def test_late_evidence_only_raises_a_verdict(in_time: CallStory, late: CallStory) -> None:
    listener = Listener().hear(in_time.ended("completed", at=8)).wait(3)
    for event in late.events:
        listener.hear([event]).wait(event.occurred_at.second % 5)
    listener.wait(TWO_DAYS)
    ranks = [outcome.verdict.rank for outcome in listener.outcomes]
    assert ranks == sorted(set(ranks))
    assert len(listener.conversation.upgrades) == len(ranks) - 1
    assert all("late_evidence" in outcome.flags for outcome in listener.outcomes[1:])


@settings(max_examples=300, deadline=None)
@given(stories(naming=True), st.sampled_from(WORKFLOWS))
def test_every_verdict_is_one_of_the_table(story: CallStory, of: Workflow | None) -> None:
    outcome = judge(known(story.events), of, DURATIONS.clock_tolerance).outcome
    rows = {
        "PROPER": {"R1", "R2", "R3", "R9", "R12"},
        "PREMATURE": {"R3", "R4", "R5", "R7", "R8", "R12"},
        "TRANSFERRED": {"R6"},
        "NOT_CONNECTED": {"R10", "R12"},
    }
    assert outcome.rule in rows[outcome.verdict]
    assert (outcome.end_node_id is not None) == (outcome.verdict == "PROPER")
    assert outcome.synthetic == all(event.type != "call.ended" for event in story.events)


def test_far_too_many_nodes_and_ends_leave_the_same_evidence_in_any_order() -> None:
    story = call()
    for number in range(600):
        story = story.node(f"n{number % 7}", at=number % 290)
    for number in range(60):
        story = story.ended(["completed", "busy"][number % 2], at=number % 29)
    told = known(story.events)
    assert (len(told.entered), len(told.terminals)) == (256, 32)
    assert all(known(shuffled(story, seed)) == told for seed in range(3))
