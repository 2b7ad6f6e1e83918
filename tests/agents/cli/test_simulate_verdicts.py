"""Of every situation of the table of verdicts `simulate` prints the verdict, its row and its reason."""

import pytest

from tests.agents.cli.simulating import Story, api, call, delivery, judged, nodes, seconds

ANSWERED = call().answered()
GREETED = ANSWERED.node("greet")
RESOLVED = GREETED.node("resolved")
SPOKEN = RESOLVED.closing()
LEFT = RESOLVED.node("ask")
CUT = ("inactivity", "max_duration", "agent_error", "platform_error", "no_audio")
NOT_CONNECTED = ("busy", "no_answer", "rejected", "dial_failed", "blocked", "setup_error", "cancelled")
BARE = ("completed", "unknown", "caller_hangup", "agent_hangup")
INTERRUPTED = ["closing_interrupted"]


def row(story: Story, **knobs: object) -> tuple[object, ...]:
    shown = judged(story, **knobs)
    return (shown["verdict"], shown["rule"], shown["end_node_id"], shown["reason"], shown["flags"])


PROPER = [
    ("R1", RESOLVED.ended("end_node"), "end_node", []),
    ("R1", RESOLVED.ended("agent_hangup"), "agent_hangup", []),
    ("R1", RESOLVED.ended("completed"), "completed", []),
    ("R1", RESOLVED.ended("busy"), "busy", []),
    ("R1", RESOLVED.ended("transfer_failed"), "transfer_failed", []),
    ("R1", RESOLVED.ended(), "unknown", []),
    ("R1", SPOKEN.ended("caller_hangup"), "caller_hangup", []),
    ("R1", LEFT.node("resolved").ended("end_node"), "end_node", []),
    ("R1", RESOLVED.ended("end_node", end_node_id="resolved"), "end_node", []),
    ("R1", call().node("resolved").ended("end_node"), "end_node", []),
    ("R2", ANSWERED.ended("end_node", end_node_id="resolved"), "end_node", []),
    ("R2", ANSWERED.ended("agent_hangup", end_node_id="resolved"), "agent_hangup", []),
    ("R2", GREETED.ended("completed", end_node_id="resolved"), "completed", []),
    ("R2", call().ended("end_node", end_node_id="resolved"), "end_node", []),
    ("R2", SPOKEN.node("sorry").ended("end_node", end_node_id="resolved"), "end_node", []),
    ("R2", ANSWERED.closing().ended("caller_hangup", end_node_id="resolved"), "caller_hangup", []),
    ("R3", RESOLVED.ended("caller_hangup"), "caller_hangup", INTERRUPTED),
    ("R3", GREETED.ended("caller_hangup", end_node_id="resolved"), "caller_hangup", INTERRUPTED),
    ("R3", RESOLVED.closing("sorry").ended("caller_hangup"), "caller_hangup", INTERRUPTED),
    ("R3", RESOLVED.ended("caller_hangup").closing(at=4.5), "caller_hangup", INTERRUPTED),
    *(("R9", RESOLVED.ended(reason), reason, ["ended_after_end_node_by"]) for reason in CUT),
    *(("R9", ANSWERED.ended(one, end_node_id="resolved"), one, ["ended_after_end_node_by"]) for one in CUT),
]


@pytest.mark.parametrize(("rule", "story", "reason", "flags"), PROPER)
def test_a_call_that_reached_its_end_call_node_is_proper(
    rule: str, story: Story, reason: str, flags: list[str]
) -> None:
    assert row(story) == ("PROPER", rule, "resolved", reason, flags)
    assert nodes(judged(story)) == {"crm": "done"}


PREMATURE = [
    ("R4", GREETED.ended("caller_hangup"), "caller_hangup", []),
    ("R4", GREETED.turn("goodbye").ended("caller_hangup"), "caller_hangup", []),
    ("R4", GREETED.ended("agent_hangup"), "agent_hangup", []),
    ("R4", ANSWERED.ended("completed"), "completed", []),
    ("R4", ANSWERED.ended("busy"), "busy", []),
    ("R4", ANSWERED.ended("cancelled"), "cancelled", []),
    ("R4", ANSWERED.ended(), "unknown", []),
    ("R4", GREETED.ended("end_node"), "end_node", ["end_node_unknown"]),
    ("R4", call().ended("end_node"), "end_node", ["end_node_unknown"]),
    ("R5", LEFT.ended("caller_hangup"), "caller_hangup", []),
    ("R5", LEFT.ended("inactivity"), "inactivity", []),
    ("R5", LEFT.ended("completed"), "completed", []),
    ("R7", GREETED.says("voicemail.detected").ended("completed"), "voicemail", []),
    ("R7", call().says("voicemail.detected").ended("no_answer"), "voicemail", []),
    ("R7", RESOLVED.says("voicemail.detected").ended("end_node"), "voicemail", []),
    ("R7", call().says("voicemail.detected").node("resolved").ended("end_node"), "voicemail", []),
    ("R7", RESOLVED.ended("voicemail"), "voicemail", []),
    ("R7", call().ended("voicemail"), "voicemail", []),
    ("R7", GREETED.says("voicemail.detected").says("transfer.bridged").ended("transferred"), "voicemail", []),
    *(("R8", GREETED.ended(reason), reason, []) for reason in CUT),
    ("R8", GREETED.ended("transfer_failed"), "transfer_failed", []),
    ("R8", call().ended("transfer_failed"), "transfer_failed", []),
    ("R8", call().ended("no_audio"), "no_audio", []),
    ("R8", call().ended("inactivity"), "inactivity", []),
    ("R8", call().ended("agent_error"), "agent_error", []),
]


@pytest.mark.parametrize(("rule", "story", "reason", "flags"), PREMATURE)
def test_a_call_that_ended_elsewhere_is_premature_and_runs_no_node(
    rule: str, story: Story, reason: str, flags: list[str]
) -> None:
    assert row(story) == ("PREMATURE", rule, None, reason, flags)
    assert nodes(judged(story)) == {}


@pytest.mark.parametrize("reason", [*NOT_CONNECTED, "platform_error", *BARE])
def test_without_an_answer_these_reasons_say_not_connected(reason: str) -> None:
    expected = ("NOT_CONNECTED", "R10", None, reason, [])
    assert row(call().queued().ringing().ended(reason)) == expected
    assert row(call().ended(reason)) == expected


@pytest.mark.parametrize(
    "answer",
    [
        call().answered(),
        call().says("conversation.started"),
        call().node("greet"),
        call().turn(),
    ],
)
@pytest.mark.parametrize("reason", ["busy", "completed"])
def test_any_of_these_shows_an_answer(answer: Story, reason: str) -> None:
    assert row(answer.ended(reason))[:2] == ("PREMATURE", "R4")


def test_a_terminal_may_show_the_answer_itself() -> None:
    assert row(call().ended("completed", answered_at="2026-03-01T11:59:00Z"))[:2] == ("PREMATURE", "R4")


@pytest.mark.parametrize(
    "said", ["call.queued", "call.initiated", "call.ringing", "agent.error", "strange.type"]
)
def test_these_show_no_answer(said: str) -> None:
    assert row(call().says(said).ended("completed"))[:2] == ("NOT_CONNECTED", "R10")


TRANSFERRED = [
    GREETED.says("transfer.bridged").ended("caller_hangup"),
    GREETED.says("transfer.bridged").ended("inactivity"),
    GREETED.ended("transferred"),
    call().ended("transferred"),
    GREETED.says("transfer.bridged").node("resolved").ended("end_node"),
    LEFT.says("transfer.bridged").ended("completed"),
]


@pytest.mark.parametrize("story", TRANSFERRED)
def test_a_bridged_call_is_transferred_and_runs_no_node(story: Story) -> None:
    assert row(story) == ("TRANSFERRED", "R6", None, "transferred", [])
    assert nodes(judged(story)) == {}


@pytest.mark.parametrize("said", ["transfer.started", "transfer.failed", "transfer.ended"])
def test_a_transfer_that_was_not_bridged_is_none(said: str) -> None:
    assert row(GREETED.says(said).ended("caller_hangup"))[:2] == ("PREMATURE", "R4")


def test_an_end_call_node_that_was_reached_before_the_bridge_is_proper() -> None:
    assert row(RESOLVED.says("transfer.bridged").ended("agent_hangup"))[:2] == ("PROPER", "R1")
    assert row(RESOLVED.ended("transferred"))[:2] == ("PROPER", "R1")


def test_under_transfer_policy_end_node_one_after_the_bridge_wins_too() -> None:
    bridged = GREETED.says("transfer.bridged")
    assert row(bridged.node("resolved").ended("end_node"), transfer_policy="end_node")[:2] == ("PROPER", "R1")
    named = bridged.ended("end_node", end_node_id="resolved")
    assert row(named, transfer_policy="end_node")[:2] == ("PROPER", "R2")
    assert row(bridged.ended("end_node"), transfer_policy="end_node")[:2] == ("TRANSFERRED", "R6")


def test_under_transfer_policy_end_node_one_that_was_left_is_no_transfer() -> None:
    left = LEFT.says("transfer.bridged").ended("caller_hangup")
    assert row(left, transfer_policy="end_node")[:2] == ("PREMATURE", "R5")


def test_under_voicemail_policy_end_node_an_end_call_node_wins() -> None:
    story = RESOLVED.says("voicemail.detected")
    assert row(story.ended("end_node"), voicemail_policy="end_node")[:2] == ("PROPER", "R1")
    assert row(story.ended("voicemail"), voicemail_policy="end_node")[:3] == ("PROPER", "R1", "resolved")


def test_under_voicemail_policy_end_node_a_voicemail_without_one_is_still_premature() -> None:
    story = GREETED.says("voicemail.detected").ended("completed")
    assert row(story, voicemail_policy="end_node") == ("PREMATURE", "R7", None, "voicemail", [])


def test_a_voicemail_that_was_detected_after_the_end_is_none() -> None:
    assert row(RESOLVED.ended("end_node").says("voicemail.detected", at=5))[:2] == ("PROPER", "R1")


SPOKEN_KNOB = [
    ("PROPER", "R1", SPOKEN.ended("caller_hangup")),
    ("PROPER", "R9", SPOKEN.ended("inactivity")),
    ("PROPER", "R2", ANSWERED.closing().ended("end_node", end_node_id="resolved")),
    ("PREMATURE", "R3", RESOLVED.ended("caller_hangup")),
    ("PREMATURE", "R3", RESOLVED.ended("end_node")),
    ("PREMATURE", "R3", RESOLVED.ended("inactivity")),
    ("PREMATURE", "R3", RESOLVED.closing("sorry").ended("agent_hangup")),
    ("PREMATURE", "R3", ANSWERED.ended("end_node", end_node_id="resolved")),
    ("PREMATURE", "R5", LEFT.closing().ended("end_node")),
]


@pytest.mark.parametrize(("verdict", "rule", "story"), SPOKEN_KNOB)
def test_under_spoken_the_closing_line_is_asked_for(verdict: str, rule: str, story: Story) -> None:
    assert row(story, proper_end="spoken")[:2] == (verdict, rule)


def test_under_spoken_a_named_node_has_the_grace_unless_its_line_is_known() -> None:
    named = ANSWERED.ended("end_node", end_node_id="resolved", at=10)
    shown = judged(named.closing(at=9.5, arrived=12), proper_end="spoken")
    assert (shown["verdict"], seconds(delivery(shown, "call.ended")["planned_at"])) == ("PROPER", 13)
    known = ANSWERED.closing(at=9.5).ended("end_node", end_node_id="resolved", at=10)
    shown = judged(known, proper_end="spoken")
    assert seconds(delivery(shown, "call.ended")["planned_at"]) == 10


def test_only_what_hangs_on_the_reached_end_call_node_runs() -> None:
    two = (api("crm"), api("apologise"))
    shown = judged(GREETED.node("sorry").ended("end_node"), *two, edges=("resolved>crm", "sorry>apologise"))
    assert nodes(shown) == {"apologise": "done"}


SPELLINGS = [
    ("no-answer", "no_answer"),
    ("canceled", "cancelled"),
    ("CANCELLED", "cancelled"),
    ("dial-failed", "dial_failed"),
    ("setup-error", "setup_error"),
    ("caller-hangup", "caller_hangup"),
    ("martians", "unknown"),
]


@pytest.mark.parametrize(("raw", "reason"), SPELLINGS)
def test_both_spellings_of_a_reason_are_one_and_an_unmapped_one_is_unknown(raw: str, reason: str) -> None:
    assert row(call().ended(raw))[1:4] == ("R10", None, reason)


MORE_SPECIFIC = [
    ("busy", "completed", "busy"),
    ("completed", "no-answer", "no_answer"),
    ("unknown", "completed", "completed"),
    ("blocked", "completed", "blocked"),
    ("setup_error", "cancelled", "cancelled"),
    ("caller_hangup", "setup_error", "caller_hangup"),
    ("caller_hangup", "agent_hangup", "caller_hangup"),
    ("cancelled", "busy", "cancelled"),
    ("lost", "unknown", "unknown"),
]


@pytest.mark.parametrize(("first", "second", "chosen"), MORE_SPECIFIC)
def test_of_several_terminals_the_most_specific_one_within_the_grace_counts(
    first: str, second: str, chosen: str
) -> None:
    story = call().ringing().ended(first, at=1).ended(second, at=2)
    shown = judged(story)
    assert (shown["verdict"], shown["rule"], shown["reason"]) == ("NOT_CONNECTED", "R10", chosen)
    assert shown["events"]["applied"] == 3


def test_equally_specific_terminals_are_told_apart_by_their_time_not_their_arrival() -> None:
    late_first = call().ringing().ended("busy", at=2, arrived=2).ended("cancelled", at=1, arrived=3)
    assert judged(late_first)["reason"] == "cancelled"


def test_the_grace_lasts_three_seconds_from_the_arrival_of_the_first_terminal() -> None:
    inside = call().ringing().ended("completed", at=1, arrived=10).ended("busy", at=1, arrived=12.9)
    assert judged(inside)["reason"] == "busy"
    outside = call().ringing().ended("completed", at=1, arrived=10).ended("busy", at=1, arrived=13.1)
    assert judged(outside)["reason"] == "completed"
