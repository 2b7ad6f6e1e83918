"""Which End Call node a call reached: by event or by name, known or not, and in which order (R14)."""

import pytest

from schemas.outcomes import Verdict
from tests.builders import GREETED, RESOLVED, CallStory, call, outcome_of, workflow

PROPER, PREMATURE = Verdict.PROPER, Verdict.PREMATURE
NOT_CONNECTED, TRANSFERRED = Verdict.NOT_CONNECTED, Verdict.TRANSFERRED
SPOKEN = workflow(proper_end="spoken")
LEFT_AGAIN = RESOLVED.node("ask")


def test_an_end_node_by_name_alone_is_premature_and_flagged() -> None:
    outcome = outcome_of(GREETED.ended("end_node"))
    assert (outcome.verdict, outcome.rule, outcome.flags) == (PREMATURE, "R4", ("end_node_unknown",))


def test_the_terminal_knows_the_end_call_node_better_than_node_events() -> None:
    outcome = outcome_of(RESOLVED.ended("end_node", end_node_id="sorry"))
    assert (outcome.end_node_id, outcome.rule) == ("sorry", "R2")


def test_a_named_end_call_node_counts_although_events_say_that_it_was_left() -> None:
    outcome = outcome_of(LEFT_AGAIN.ended("end_node", end_node_id="resolved"))
    assert (outcome.verdict, outcome.end_node_id, outcome.rule) == (PROPER, "resolved", "R2")


def test_the_most_specific_of_several_terminals_names_the_end_call_node() -> None:
    told = GREETED.ended("completed", end_node_id="sorry").ended("inactivity", end_node_id="resolved")
    listened = outcome_of(told, SPOKEN), outcome_of(told.closing("resolved", at=1), SPOKEN)
    assert [each.end_node_id for each in listened] == [None, "resolved"]


def test_an_end_node_id_that_the_workflow_says_is_none_is_ignored() -> None:
    assert outcome_of(GREETED.ended("caller_hangup", end_node_id="greet")).rule == "R4"


def test_of_a_node_that_the_workflow_does_not_know_the_event_is_believed() -> None:
    outcome = outcome_of(GREETED.node("new_goodbye", end=True).closing("new_goodbye").ended("end_node"))
    assert (outcome.verdict, outcome.end_node_id, outcome.flags) == (PROPER, "new_goodbye", ("unknown_node",))


def test_without_a_workflow_events_are_believed() -> None:
    outcome = outcome_of(RESOLVED.ended("end_node"), None)
    assert (outcome.verdict, outcome.flags) == (PROPER, ("unknown_node",))


def test_an_unknown_end_node_id_is_believed() -> None:
    outcome = outcome_of(call().ended("end_node", end_node_id="new_goodbye"))
    assert (outcome.verdict, outcome.rule, outcome.flags) == (PROPER, "R2", ("unknown_node",))


def test_the_workflow_knows_better_than_the_node_type() -> None:
    assert outcome_of(GREETED.node("ask", end=True).ended("end_node")).rule == "R4"
    told = GREETED.says("node.entered", node_id="resolved", node_type="default").ended("end_node")
    assert outcome_of(told).rule == "R1"


@pytest.mark.parametrize("spelling", ["end_call", "endCall", "End Call", "END-CALL", "end"])
def test_the_type_of_an_end_call_node_may_be_spelled_as_the_field_does(spelling: str) -> None:
    told = call().says("node.entered", node_id="bye", node_type=spelling).ended("end_node")
    assert outcome_of(told, None).verdict is PROPER


def test_without_any_terminal_the_end_is_synthetic() -> None:
    outcome = outcome_of(RESOLVED)
    assert (outcome.verdict, outcome.rule, outcome.reason) == (PROPER, "R12", "lost")
    assert (outcome.synthetic, outcome.ended_at, outcome.flags) == (True, None, ())


@pytest.mark.parametrize(
    ("told", "verdict", "rule", "reason"),
    [
        (call().ringing(), NOT_CONNECTED, "R12", "lost"),
        (GREETED, PREMATURE, "R12", "lost"),
        (LEFT_AGAIN, PREMATURE, "R12", "lost"),
        (GREETED.voicemail(), PREMATURE, "R7", "voicemail"),
        (GREETED.bridged(), TRANSFERRED, "R6", "transferred"),
    ],
)
def test_a_lost_call_is_judged_by_its_evidence(
    told: CallStory, verdict: Verdict, rule: str, reason: str
) -> None:
    outcome = outcome_of(told)
    assert (outcome.verdict, outcome.rule, outcome.reason, outcome.synthetic) == (verdict, rule, reason, True)


def test_a_node_two_seconds_after_the_end_counts_and_a_later_one_does_not() -> None:
    ended = GREETED.ended("end_node", at=10)
    assert outcome_of(ended.node("resolved", end=True, at=12)).verdict is PROPER
    assert outcome_of(ended.node("resolved", end=True, at=12.001)).verdict is PREMATURE


def test_within_a_source_the_seq_is_right_when_its_clock_goes_back() -> None:
    told = call().node("greet", at=5, seq=1).node("resolved", end=True, at=3, seq=2).ended("end_node", at=6)
    assert outcome_of(told).end_node_id == "resolved"


def test_without_seqs_the_clock_is_right() -> None:
    told = call().node("greet", at=5, seq=None).node("resolved", end=True, at=3, seq=None)
    assert outcome_of(told.ended("end_node", at=6, seq=None)).verdict is PREMATURE


def test_the_order_of_sources_is_by_effective_time() -> None:
    told = call().node("greet", at=5, seq=1, source="a").node("ask", at=3, seq=2, source="a")
    told = told.node("resolved", end=True, at=4, seq=1, source="b").ended("end_node", at=6)
    assert outcome_of(told).rule == "R5"


def test_a_bridge_stands_among_the_nodes_by_its_source_s_seq() -> None:
    told = call().node("resolved", end=True, at=5, seq=1).bridged(at=4, seq=2).ended("completed", at=6)
    assert outcome_of(told).rule == "R1"
