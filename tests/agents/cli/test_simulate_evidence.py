"""Which events count, and as what: duplicates, late and ignored ones, clocks, seqs, unknown nodes."""

import pytest

from tests.agents.cli.simulating import (
    ANSWERED,
    GREETED,
    RESOLVED,
    STANDARD,
    Story,
    call,
    clock,
    delivery,
    judged,
    nodes,
    seconds,
    simulated,
)


def counts(story: Story, **knobs: object) -> tuple[int, ...]:
    shown = judged(story, **knobs)["events"]
    return tuple(shown[name] for name in ("applied", "duplicate", "ignored", "late", "unreadable"))


def ruled(story: Story, **knobs: object) -> tuple[object, ...]:
    shown = judged(story, **knobs)
    return (shown["verdict"], shown["rule"], shown["end_node_id"])


# R13
def test_a_duplicate_has_no_effect_and_is_counted() -> None:
    story = RESOLVED.ended("end_node")
    again = Story("c1", (*story.lines, *story.lines))
    assert counts(story) == (4, 0, 0, 0, 0)
    assert counts(again) == (4, 4, 0, 0, 0)
    assert judged(again)["deliveries"] == judged(story)["deliveries"]


def test_a_duplicate_after_the_verdict_is_a_duplicate_not_late() -> None:
    story = RESOLVED.ended("end_node")
    again = Story("c1", (*story.lines, {**story.lines[1], "_arrived_at": clock(30)}))
    assert counts(again) == (4, 1, 0, 0, 0)


def test_one_id_of_two_sources_is_two_events() -> None:
    assert counts(ANSWERED.turn(id="x", source="a").turn(id="x", source="b").ended("completed"))[:2] == (4, 0)


def test_the_id_alone_says_what_is_a_duplicate() -> None:
    assert counts(ANSWERED.turn("one", id="x").turn("two", id="x").ended("completed"))[:2] == (3, 1)


def test_without_an_id_equal_events_are_duplicates() -> None:
    one = call().turn("hello", id=..., seq=5, at=1).turn("hello", id=..., seq=5, at=2).ended("completed")
    assert counts(one)[:2] == (2, 1)
    other = call().turn("hello", id=..., seq=5, at=1).turn("hello", id=..., seq=6, at=1).ended("completed")
    assert counts(other)[:2] == (3, 0)
    no_seq = (
        call().turn("hello", id=..., seq=..., at=1).turn("hello", id=..., seq=..., at=1).ended("completed")
    )
    assert counts(no_seq)[:2] == (2, 1)
    later = (
        call().turn("hello", id=..., seq=..., at=1).turn("hello", id=..., seq=..., at=2).ended("completed")
    )
    assert counts(later)[:2] == (3, 0)
    differs = call().turn("hello", id=..., seq=5, at=1).turn("hullo", id=..., seq=5, at=1).ended("completed")
    assert counts(differs)[:2] == (3, 0)


# R14
def test_events_out_of_order_within_the_grace_are_put_in_order() -> None:
    ended_first = call().ended("end_node", at=5, arrived=5, seq=9).node("resolved", at=3, arrived=6, seq=3)
    assert ruled(ended_first.node("greet", at=1, arrived=7, seq=1)) == ("PROPER", "R1", "resolved")


def test_the_grace_is_none_when_the_terminal_names_the_node() -> None:
    shown = judged(ANSWERED.ended("end_node", end_node_id="resolved", at=5))
    assert {seconds(one["planned_at"]) for one in shown["deliveries"]} == {5}
    shown = judged(RESOLVED.ended("end_node", at=5))
    assert {seconds(one["planned_at"]) for one in shown["deliveries"]} == {8}


def test_a_second_terminal_that_names_the_node_ends_the_grace() -> None:
    shown = judged(ANSWERED.ended("completed", at=5).ended("end_node", end_node_id="resolved", at=6))
    assert {seconds(one["planned_at"]) for one in shown["deliveries"]} == {6}


@pytest.mark.parametrize(("happened", "verdict", "ignored"), [(12, "PROPER", 0), (12.001, "PREMATURE", 1)])
def test_a_node_event_counts_until_two_seconds_after_the_end(
    happened: float, verdict: str, ignored: int
) -> None:
    shown = judged(GREETED.ended("agent_hangup", at=10).node("resolved", at=happened, arrived=12.5))
    assert (shown["verdict"], shown["events"]["ignored"]) == (verdict, ignored)


def test_the_end_is_the_latest_that_a_terminal_within_the_grace_states() -> None:
    first = GREETED.ended("completed", at=10, ended_at=clock(9)).ended("completed", at=11, ended_at=clock(20))
    assert ruled(first.node("resolved", at=21.9, arrived=12)) == ("PROPER", "R1", "resolved")
    lone = GREETED.ended("completed", at=10, ended_at=clock(5))
    assert ruled(lone.node("resolved", at=7.5, arrived=10.5)) == ("PREMATURE", "R4", None)


def test_a_source_whose_clock_steps_back_is_ordered_by_its_seq() -> None:
    story = GREETED.node("ask", seq=10, at=8).node("resolved", seq=11, at=2).ended("end_node", at=9)
    assert ruled(story) == ("PROPER", "R1", "resolved")


def test_without_a_seq_the_clock_orders() -> None:
    story = GREETED.node("ask", seq=..., at=8).node("resolved", seq=..., at=2).ended("caller_hangup", at=9)
    assert ruled(story) == ("PREMATURE", "R5", None)


def test_two_sources_are_ordered_by_their_clocks() -> None:
    story = ANSWERED.node("resolved", source="a", seq=9, at=4).node("ask", source="b", seq=1, at=5)
    assert ruled(story.ended("caller_hangup", at=9)) == ("PREMATURE", "R5", None)


def test_equal_times_are_ordered_by_source_then_seq_then_id() -> None:
    by_source = ANSWERED.node("ask", source="a", seq=9, at=4).node("resolved", source="b", seq=1, at=4)
    assert ruled(by_source.ended("end_node", at=9))[0] == "PROPER"
    by_seq = ANSWERED.node("ask", seq=9, at=4).node("resolved", seq=8, at=4)
    assert ruled(by_seq.ended("end_node", at=9))[1] == "R5"
    by_id = ANSWERED.node("ask", seq=..., id="a", at=4).node("resolved", seq=..., id="b", at=4)
    assert ruled(by_id.ended("end_node", at=9))[0] == "PROPER"


# R16
def test_what_is_said_of_nodes_and_turns_after_the_end_is_ignored_and_counted() -> None:
    story = RESOLVED.ended("end_node", at=10)
    assert counts(story.node("ask", at=13).turn(at=14)) == (4, 0, 2, 0, 0)
    assert counts(story.node("ask", at=12.5).turn(at=12.6)) == (4, 0, 2, 0, 0)


def test_what_enriches_after_the_verdict_is_applied() -> None:
    story = RESOLVED.ended("end_node", at=10)
    story = story.says("analytics.completed", at=60, disposition="ok").says("recording.ready", at=61, url="u")
    assert counts(story.says("transcript.ready", at=62, transcript=[])) == (7, 0, 0, 0, 0)


def test_unknown_types_and_fields_are_applied() -> None:
    story = GREETED.says("billing.charged", cents=5).ended("completed").says("billing.done", at=60)
    assert counts(story) == (5, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "said", ["call.answered", "node.entered", "turn.completed", "transfer.bridged", "call.ended"]
)
def test_new_evidence_after_the_verdict_is_late_used_or_not(said: str) -> None:
    story = RESOLVED.ended("end_node", at=10).says(
        said, at=9, arrived=20, node_id="resolved", reason="completed"
    )
    assert counts(story) == (4, 0, 0, 1, 0)


# Which nodes are End Call nodes
def test_the_workflow_says_which_nodes_are_end_call_nodes() -> None:
    assert ruled(ANSWERED.node("greet", node_type="end_call").ended("end_node"))[:2] == ("PREMATURE", "R4")
    assert ruled(ANSWERED.node("resolved", node_type="default").ended("end_node"))[:2] == ("PROPER", "R1")
    assert ruled(ANSWERED.node("resolved", node_type=...).ended("end_node"))[:2] == ("PROPER", "R1")


def test_a_node_that_the_workflow_does_not_know_is_believed() -> None:
    shown = judged(ANSWERED.node("bye", node_type="end_call").ended("end_node"))
    assert (shown["verdict"], shown["end_node_id"], shown["rule"]) == ("PROPER", "bye", "R1")
    assert (shown["flags"], nodes(shown)) == (["unknown_node"], {})


def test_an_end_node_id_that_the_workflow_does_not_know_is_believed() -> None:
    shown = judged(ANSWERED.ended("end_node", end_node_id="bye"))
    assert (shown["verdict"], shown["end_node_id"], shown["rule"]) == ("PROPER", "bye", "R2")
    assert shown["flags"] == ["unknown_node"]


@pytest.mark.parametrize("named", ["greet", "crm"])
def test_an_end_node_id_that_is_no_end_call_node_is_ignored(named: str) -> None:
    shown = judged(GREETED.ended("caller_hangup", end_node_id=named, at=10))
    assert (shown["verdict"], shown["rule"], shown["end_node_id"]) == ("PREMATURE", "R4", None)
    assert seconds(delivery(shown, "call.ended")["planned_at"]) == 13
    resolved = judged(RESOLVED.ended("caller_hangup", end_node_id=named, at=10))
    assert (resolved["verdict"], resolved["rule"], resolved["end_node_id"]) == ("PROPER", "R3", "resolved")


def test_the_terminal_wins_over_node_events() -> None:
    assert ruled(RESOLVED.ended("end_node", end_node_id="sorry")) == ("PROPER", "R2", "sorry")
    assert ruled(RESOLVED.node("ask").ended("end_node", end_node_id="resolved"))[0] == "PROPER"
    assert ruled(RESOLVED.node("ask").ended("end_node", end_node_id="sorry"))[::2] == ("PROPER", "sorry")


def test_of_two_terminals_that_name_nodes_the_more_specific_one_wins() -> None:
    story = ANSWERED.ended("completed", end_node_id="sorry", at=5, arrived=5)
    both = story.ended("agent_hangup", end_node_id="resolved", at=6, arrived=5).closing(at=5, arrived=6)
    assert ruled(both, proper_end="spoken") == ("PROPER", "R2", "resolved")


# Envelope
def test_what_cannot_be_read_is_counted_and_stops_nothing() -> None:
    import json

    from tests.agents.cli.simulating import run, written

    good = written(*RESOLVED.ended("end_node").lines)
    done = run(STANDARD, b'not json\n[]\n{"type": "call.ended"}\n\n' + good)
    shown = json.loads(done.out)
    assert (done.code, shown["unreadable"], len(shown["calls"])) == (0, 3, 1)
    assert shown["calls"][0]["events"]["unreadable"] == 0
    assert [line.split(":")[2] for line in done.err.strip().splitlines()] == ["1", "2", "3"]


def cloudevent(line: dict[str, object], **extra: object) -> dict[str, object]:
    named = {"call_id": "subject", "occurred_at": "time"}
    kept = {named.get(name, name.replace("_", "")): value for name, value in line.items()}
    return {"specversion": "1.0", **kept, **extra}


def test_cloudevents_structured_is_the_same_event() -> None:
    story = call(
        workflow_id="support",
        workflow_version=1,
        direction="inbound",
        channel="phone",
        is_test=True,
        attempt=2,
    )
    story = story.answered().node("resolved").ended("end_node")
    as_cloud = Story("c1", tuple(cloudevent(line) for line in story.lines))
    assert simulated(as_cloud) == simulated(story)


def test_the_extensions_of_a_cloudevent_may_stand_in_its_data() -> None:
    story = call().answered().node("resolved").ended("end_node")
    lines = []
    for line in story.lines:
        plain = {name: value for name, value in line.items() if name not in ("agent_id", "seq", "data")}
        members = {"agent_id": "bot", "seq": line["seq"], "is_test": True, **line["data"]}
        lines.append(cloudevent(plain, data=members))
    shown = simulated(Story("c1", tuple(lines)))[0]
    assert (shown["verdict"], nodes(shown)) == ("PROPER", {"crm": "done"})
    assert delivery(shown, "crm")["headers"]["postcall-test"] == "true"


def test_a_cloudevent_arrives_when_the_line_says_so() -> None:
    story = RESOLVED.ended("end_node", at=10)
    lines = tuple(
        {**cloudevent(line), "_arrived_at": clock(100 + number)} for number, line in enumerate(story.lines)
    )
    shown = simulated(Story("c1", lines))[0]
    assert seconds(delivery(shown, "crm")["planned_at"]) == 106
