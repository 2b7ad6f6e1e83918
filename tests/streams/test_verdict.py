"""Every row of the table of verdicts, and which row decides where several fit."""

import pytest

from schemas.outcomes import Verdict
from tests.builders import GREETED, RESOLVED, CallStory, call, outcome_of, second, workflow

PROPER, PREMATURE = Verdict.PROPER, Verdict.PREMATURE
NOT_CONNECTED, TRANSFERRED = Verdict.NOT_CONNECTED, Verdict.TRANSFERRED
SPOKEN = workflow(proper_end="spoken")
END_NODE_AFTER_TRANSFER = workflow(transfer_policy="end_node")
END_NODE_AFTER_VOICEMAIL = workflow(voicemail_policy="end_node")

LEFT_AGAIN = RESOLVED.node("ask")


def test_an_end_after_an_end_call_node_is_a_proper_end() -> None:
    outcome = outcome_of(RESOLVED.closing("resolved").ended("caller_hangup"))
    assert (outcome.verdict, outcome.end_node_id, outcome.rule) == (PROPER, "resolved", "R1")
    assert (outcome.reason, outcome.flags, outcome.synthetic) == ("caller_hangup", (), False)


def test_a_terminal_that_names_an_end_call_node_is_enough() -> None:
    outcome = outcome_of(call().answered().ended("end_node", end_node_id="resolved"))
    assert (outcome.verdict, outcome.end_node_id, outcome.rule) == (PROPER, "resolved", "R2")


def test_a_terminal_that_names_the_node_that_events_name_too_is_the_first_row() -> None:
    assert outcome_of(RESOLVED.ended("end_node", end_node_id="resolved")).rule == "R1"


def test_hanging_up_during_the_closing_line_is_still_proper() -> None:
    outcome = outcome_of(RESOLVED.ended("caller_hangup"))
    assert (outcome.verdict, outcome.rule, outcome.flags) == (PROPER, "R3", ("closing_interrupted",))


def test_a_closing_line_of_another_node_does_not_count() -> None:
    assert outcome_of(RESOLVED.closing("sorry").ended("caller_hangup")).rule == "R3"


def test_a_closing_line_after_the_end_was_not_heard_by_the_caller() -> None:
    told = RESOLVED.ended("caller_hangup").closing("resolved", at=4.5)
    assert outcome_of(told).flags == ("closing_interrupted",)


def test_under_spoken_an_interrupted_closing_line_is_premature() -> None:
    outcome = outcome_of(RESOLVED.ended("caller_hangup"), SPOKEN)
    assert (outcome.verdict, outcome.rule, outcome.end_node_id) == (PREMATURE, "R3", None)
    assert outcome.flags == ("closing_interrupted",)


@pytest.mark.parametrize("reason", ["end_node", "inactivity", "completed"])
def test_under_spoken_the_closing_line_is_asked_for_whatever_the_reason(reason: str) -> None:
    outcome = outcome_of(RESOLVED.ended(reason), SPOKEN)
    assert (outcome.verdict, outcome.rule, outcome.flags) == (PREMATURE, "R3", ())


@pytest.mark.parametrize(
    ("reason", "rule"), [("end_node", "R1"), ("caller_hangup", "R1"), ("no_audio", "R9")]
)
def test_under_spoken_a_finished_closing_line_is_proper(reason: str, rule: str) -> None:
    outcome = outcome_of(RESOLVED.closing("resolved").ended(reason), SPOKEN)
    assert (outcome.verdict, outcome.rule) == (PROPER, rule)


@pytest.mark.parametrize("reason", ["caller_hangup", "agent_hangup", "completed", "unknown", "cancelled"])
def test_hanging_up_before_an_end_node_is_a_premature_end(reason: str) -> None:
    outcome = outcome_of(GREETED.turn("goodbye").ended(reason))
    assert (outcome.verdict, outcome.rule, outcome.reason) == (PREMATURE, "R4", reason)


def test_leaving_an_end_call_node_makes_the_end_premature() -> None:
    assert outcome_of(LEFT_AGAIN.ended("caller_hangup")).rule == "R5"
    assert outcome_of(LEFT_AGAIN.ended("inactivity")).rule == "R5"


def test_the_last_end_call_node_wins() -> None:
    outcome = outcome_of(LEFT_AGAIN.node("sorry", end=True).ended("end_node"))
    assert (outcome.verdict, outcome.end_node_id, outcome.rule) == (PROPER, "sorry", "R1")


@pytest.mark.parametrize("told", [GREETED.bridged().ended("completed"), GREETED.ended("transferred")])
def test_a_transfer_is_no_proper_end(told: CallStory) -> None:
    outcome = outcome_of(told)
    assert (outcome.verdict, outcome.rule, outcome.reason) == (TRANSFERRED, "R6", "transferred")


def test_by_default_an_end_call_node_after_the_bridge_comes_too_late() -> None:
    told = GREETED.bridged().node("resolved", end=True).ended("end_node")
    assert outcome_of(told).verdict is TRANSFERRED
    assert outcome_of(told, END_NODE_AFTER_TRANSFER).verdict is PROPER


def test_a_bridge_at_an_end_call_node_leaves_the_end_proper() -> None:
    assert outcome_of(RESOLVED.bridged().ended("transferred")).rule == "R1"


def test_a_bridge_at_an_end_call_node_that_is_left_afterwards_is_premature() -> None:
    assert outcome_of(RESOLVED.bridged().node("ask").ended("completed")).rule == "R5"


def test_a_bridge_after_an_end_call_node_was_left_is_a_transfer() -> None:
    assert outcome_of(LEFT_AGAIN.bridged().ended("completed")).rule == "R6"
    assert outcome_of(LEFT_AGAIN.bridged().ended("completed"), END_NODE_AFTER_TRANSFER).rule == "R5"


def test_an_end_call_node_that_the_terminal_names_goes_before_a_transfer() -> None:
    told = GREETED.bridged().ended("transferred", end_node_id="resolved")
    assert outcome_of(told).rule == outcome_of(told, END_NODE_AFTER_TRANSFER).rule == "R2"


def test_the_second_of_two_bridges_counts_as_well() -> None:
    assert outcome_of(RESOLVED.bridged().node("ask").bridged().ended("completed")).rule == "R6"


def test_a_failed_transfer_alone_is_a_cut() -> None:
    outcome = outcome_of(GREETED.says("transfer.failed").ended("transfer_failed"))
    assert (outcome.verdict, outcome.rule, outcome.reason) == (PREMATURE, "R8", "transfer_failed")


@pytest.mark.parametrize(
    "told", [call().answered().voicemail().ended("completed"), GREETED.ended("voicemail")]
)
def test_a_voicemail_is_a_premature_end(told: CallStory) -> None:
    outcome = outcome_of(told)
    assert (outcome.verdict, outcome.rule, outcome.reason) == (PREMATURE, "R7", "voicemail")


def test_a_voicemail_stays_one_although_an_end_call_node_was_reached() -> None:
    told = call().answered().voicemail().node("resolved", end=True).ended("end_node")
    assert outcome_of(told).rule == "R7"
    assert outcome_of(told, END_NODE_AFTER_VOICEMAIL).rule == "R1"


def test_without_an_end_call_node_the_voicemail_policy_changes_nothing() -> None:
    assert outcome_of(GREETED.voicemail().ended("completed"), END_NODE_AFTER_VOICEMAIL).rule == "R7"


def test_a_voicemail_detected_after_the_end_does_not_count() -> None:
    assert outcome_of(RESOLVED.ended("end_node").voicemail()).rule == "R1"


def test_a_voicemail_goes_before_a_transfer() -> None:
    assert outcome_of(GREETED.voicemail().bridged().ended("transferred")).rule == "R7"


CUTS = ["inactivity", "max_duration", "agent_error", "platform_error", "no_audio"]


@pytest.mark.parametrize("reason", CUTS)
def test_a_call_that_was_cut_is_premature(reason: str) -> None:
    outcome = outcome_of(GREETED.ended(reason))
    assert (outcome.verdict, outcome.rule, outcome.reason) == (PREMATURE, "R8", reason)


@pytest.mark.parametrize("reason", CUTS)
def test_a_call_that_was_cut_after_an_end_call_node_is_proper(reason: str) -> None:
    outcome = outcome_of(RESOLVED.ended(reason))
    assert (outcome.verdict, outcome.rule, outcome.reason) == (PROPER, "R9", reason)
    assert outcome.flags == ("ended_after_end_node_by",)


UNREACHED = [
    "busy",
    "no_answer",
    "rejected",
    "dial_failed",
    "blocked",
    "setup_error",
    "cancelled",
    "platform_error",
]
BARE = ["completed", "unknown", "lost", "caller_hangup", "agent_hangup"]


@pytest.mark.parametrize("reason", [*UNREACHED, *BARE])
def test_a_call_that_nobody_answered_was_not_connected(reason: str) -> None:
    outcome = outcome_of(call().ringing().ended(reason))
    assert (outcome.verdict, outcome.rule, outcome.reason) == (NOT_CONNECTED, "R10", reason)


@pytest.mark.parametrize(
    "told",
    [
        call().answered(),
        call().started(),
        call().turn(),
        call().node("greet"),
        call().closing("greet"),
        call().ended("completed", answered_at="2026-03-01T12:00:00Z"),
    ],
)
def test_whatever_shows_an_answer_makes_it_a_connected_call(told: CallStory) -> None:
    assert outcome_of(told.ended("busy")).rule == "R4"


@pytest.mark.parametrize(
    "event_type", ["call.initiated", "variables.updated", "transfer.started", "agent.error"]
)
def test_what_shows_no_answer_leaves_it_unconnected(event_type: str) -> None:
    assert outcome_of(call().says(event_type).ended("busy")).rule == "R10"


def test_a_turn_long_after_the_end_shows_no_answer() -> None:
    assert outcome_of(call().ringing().ended("no_answer").turn(at=30)).rule == "R10"


@pytest.mark.parametrize("reason", ["inactivity", "max_duration", "agent_error", "no_audio"])
def test_a_cut_needs_no_answer_to_be_premature(reason: str) -> None:
    assert outcome_of(call().ringing().ended(reason)).rule == "R8"


def test_the_most_specific_terminal_gives_the_reason() -> None:
    told = call().ringing().ended("completed").ended("busy").ended("caller_hangup").ended("unknown")
    assert outcome_of(told).reason == "busy"


def test_among_equally_specific_terminals_the_earliest_gives_the_reason() -> None:
    assert outcome_of(call().ended("busy", at=7).ended("no_answer", at=5)).reason == "no_answer"


def test_the_end_is_the_latest_that_any_terminal_states() -> None:
    told = call().answered().ended("busy", at=9, ended_at="2026-03-01T12:00:05Z").ended("completed", at=7)
    assert outcome_of(told).ended_at == second(7)
