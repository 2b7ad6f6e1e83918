"""What a template can use of a call, and how long a node waits for it."""

from typing import Any

import pytest

from tests.agents.cli.simulating import (
    Json,
    Story,
    agent,
    api,
    call,
    clock,
    delivery,
    judged,
    nodes,
    seconds,
    simulated,
    workflow,
)

ENVELOPE = {
    "direction": "inbound",
    "channel": "phone",
    "attempt": 2,
    "workflow_id": "support",
    "workflow_version": 1,
}
TALKED = (
    call(**ENVELOPE)
    .says("call.initiated", **{"from": "+15550001", "to": "+15550002"})
    .answered(at=5)
    .says("conversation.started", at=6)
    .says("variables.updated", at=7, variables={"name": "Ada", "age": 36, "vip": True, "tags": ["a", "b"]})
    .node("resolved", at=8)
)
ENDED = TALKED.ended(
    "end_node", at=65, ended_by="agent", duration_seconds=60, answered_at=clock(5), ended_at=clock(65)
)
ANALYSED = ENDED.says(
    "analytics.completed",
    at=66,
    summary="Well.",
    disposition="resolved",
    metrics={"csat": 4.5, "deep": {"x": [1]}},
)


def rendered(expression: str, story: Story = ENDED, *, named: Json | None = None, **node: Any) -> Any:
    """What a JSON leaf comes to that is exactly this expression."""
    one = api("crm", body={"v": "{{ " + expression + " }}"}, **node)
    documents = (workflow(one), agent(**({"name": "Bot", "timezone": "Asia/Tokyo"} | (named or {}))))
    shown = simulated(story, documents=documents)[0]
    return delivery(shown, "crm")["body"].get("v")


VALUES = [
    ("call.id", "c1"),
    ("call.verdict", "PROPER"),
    ("call.end_reason", "end_node"),
    ("call.ended_by", "agent"),
    ("call.direction", "inbound"),
    ("call.channel", "phone"),
    ("call.from", "+15550001"),
    ("call.to", "+15550002"),
    ("call.duration_seconds", 60),
    ("call.end_node_id", "resolved"),
    ("call.is_test", False),
    ("call.attempt", 2),
    ("agent.id", "bot"),
    ("agent.name", "Bot"),
    ("workflow.id", "support"),
    ("workflow.version", 1),
    ("variables.name", "Ada"),
    ("variables.age", 36),
    ("variables.vip", True),
    ("variables.tags", ["a", "b"]),
    ("variables.tags[1]", "b"),
    ("name", "Ada"),
    ("age", 36),
    ("call_id", "c1"),
    ("caller_phone", "+15550001"),
    ("user_number", "+15550001"),
    ("agent_number", "+15550002"),
    ("call_duration", 60),
    ("call_direction", "inbound"),
    ("timezone", "Asia/Tokyo"),
]


@pytest.mark.parametrize(("expression", "value"), VALUES)
def test_a_template_sees_the_call(expression: str, value: Any) -> None:
    shown = rendered(expression)
    assert (shown, type(shown)) == (value, type(value))


@pytest.mark.parametrize(("name", "at"), [("started_at", 0), ("answered_at", 5), ("ended_at", 65)])
def test_a_template_sees_the_moments_of_the_call(name: str, at: float) -> None:
    assert seconds(rendered(f"call.{name}")) == at


def test_now_is_the_moment_of_rendering() -> None:
    assert seconds(rendered("now")) == 68
    assert rendered("now | date: '%Y-%m-%d'") == "2026-03-01"


def test_current_date_and_time_are_those_of_the_voice_agent() -> None:
    assert rendered("current_date") == "2026-03-01"
    assert rendered("current_time").startswith("21:01")
    assert rendered("current_day") == "Sunday"


ANALYTICS = [
    ("analytics.summary", "Well."),
    ("analytics.disposition", "resolved"),
    ("analytics.metrics.csat", 4.5),
    ("analytics.metrics.deep.x[0]", 1),
    ("analytics.metrics.deep", {"x": [1]}),
    ("call_summary", "Well."),
    ("disposition", "resolved"),
]


@pytest.mark.parametrize(("expression", "value"), ANALYTICS)
def test_a_template_sees_the_analytics(expression: str, value: Any) -> None:
    assert rendered(expression, ANALYSED) == value


def test_a_variable_goes_before_an_alias() -> None:
    story = TALKED.says("variables.updated", at=9, variables={"disposition": "mine", "call_id": 7}).ended(
        "end_node", at=65
    )
    assert (rendered("disposition", story), rendered("call_id", story)) == ("mine", 7)


def test_of_an_outbound_call_the_user_is_called() -> None:
    story = (
        call(direction="outbound").answered(**{"from": "+1", "to": "+2"}).node("resolved").ended("end_node")
    )
    assert [rendered(one, story) for one in ("user_number", "caller_phone", "agent_number")] == [
        "+2",
        "+2",
        "+1",
    ]


def test_numbers_may_come_with_any_event() -> None:
    story = call().node("resolved").ended("end_node", **{"from": "+1", "to": "+2"})
    assert [rendered(one, story) for one in ("call.from", "call.to")] == ["+1", "+2"]


def test_each_variable_is_the_latest_in_the_order_of_time() -> None:
    story = call().node("resolved", seq=1, at=1)
    story = story.says("variables.updated", seq=3, at=3, arrived=4, variables={"a": "new", "b": 1})
    story = story.says("variables.updated", seq=2, at=2, arrived=5, variables={"a": "old", "c": {"x": 1}})
    story = story.ended("end_node", seq=4, at=6)
    assert rendered("variables", story) == {"a": "new", "b": 1, "c": {"x": 1}}


def test_variables_by_seq_where_the_clock_of_a_source_steps_back() -> None:
    story = (
        call().node("resolved", seq=1, at=1).says("variables.updated", seq=2, at=9, variables={"a": "old"})
    )
    story = story.says("variables.updated", seq=3, at=2, variables={"a": "new"}).ended(
        "end_node", seq=4, at=10
    )
    assert rendered("variables.a", story) == "new"


SAID = TALKED.turn("Hello?", at=9).turn("Good day.", role="agent", at=10).ended("end_node", at=65)


def test_the_transcript_comes_from_the_turns() -> None:
    listed = rendered("transcript", SAID)
    assert [(turn["role"], turn["content"]) for turn in listed] == [
        ("user", "Hello?"),
        ("agent", "Good day."),
    ]
    assert rendered("transcript_text", SAID) == "user: Hello?\nagent: Good day."


def test_the_transcript_that_is_ready_goes_before_the_turns() -> None:
    ready = [{"role": "user", "content": "Hi", "at": 1}]
    story = SAID.says("transcript.ready", at=66, transcript=ready)
    assert (rendered("transcript", story), rendered("transcript_text", story)) == (ready, "user: Hi")


def test_the_recording_has_a_url() -> None:
    assert rendered("recording.url", ENDED.says("recording.ready", at=70, url="https://r")) == "https://r"


# Readiness
def started(story: Story, body: str, **fields: Any) -> float:
    one = api("crm", body={"v": body}, **fields)
    return seconds(delivery(judged(story, one), "crm")["attempts"][0]["at"])


def test_a_node_that_needs_nothing_starts_with_the_verdict() -> None:
    assert started(ENDED, "{{ call.id }}") == 68


WAITS = [
    ("{{ analytics.summary }}", "analytics.completed", {"summary": "x"}),
    ("{{ disposition }}", "analytics.completed", {"disposition": "x"}),
    ("{{ call_summary }}", "analytics.completed", {"summary": "x"}),
    ("{{ recording.url }}", "recording.ready", {"url": "x"}),
    ("{{ transcript_text }}", "transcript.ready", {"transcript": []}),
    ("{{ transcript | size }}", "transcript.ready", {"transcript": []}),
]


@pytest.mark.parametrize(("body", "said", "fields"), WAITS)
def test_a_node_waits_for_what_its_template_uses(body: str, said: str, fields: Json) -> None:
    assert started(ENDED.says(said, at=100, **fields), body) == 100


def test_what_is_there_already_is_not_waited_for() -> None:
    story = TALKED.says("analytics.completed", at=10, summary="x").ended("end_node", at=65)
    assert started(story, "{{ analytics.summary }}") == 68


def test_a_node_waits_for_what_its_condition_uses() -> None:
    when = {"all": [{"path": "analytics.disposition", "op": "eq", "value": "x"}]}
    assert (
        started(ENDED.says("analytics.completed", at=100, disposition="x"), "{{ call.id }}", when=when) == 100
    )


def test_a_node_waits_for_what_it_says_that_it_needs() -> None:
    assert (
        started(ENDED.says("recording.ready", at=100, url="x"), "{{ call.id }}", needs=["recording"]) == 100
    )
    assert started(ENDED, "{{ analytics.summary }}", needs=["end"]) == 68


def test_a_call_with_turns_has_its_transcript_three_seconds_after_its_terminal() -> None:
    assert started(SAID, "{{ transcript_text }}") == 68
    named = TALKED.turn("Hello", at=9).ended("end_node", end_node_id="resolved", at=65)
    assert started(named, "{{ transcript_text }}") == 68
    assert started(named, "{{ call.id }}") == 65


def test_a_node_waits_no_longer_than_the_deadline_and_runs_without() -> None:
    shown = judged(ENDED, api("crm", body={"v": "{{ analytics.summary }}", "id": "{{ call.id }}"}))
    one = delivery(shown, "crm")
    assert (seconds(one["attempts"][0]["at"]), one["body"], one["result"]) == (68 + 300, {"id": "c1"}, "done")
    assert one["missing"] == ["analytics.summary"]


def test_the_deadline_is_a_knob_and_a_setting() -> None:
    one = api("crm", body={"v": "{{ analytics.summary }}"})
    shown = judged(ENDED, one, ready_deadline="30s")
    assert seconds(delivery(shown, "crm")["attempts"][0]["at"]) == 98
    shown = judged(ENDED, one, settings={"ready_deadline": "10s"})
    assert seconds(delivery(shown, "crm")["attempts"][0]["at"]) == 78


def test_under_missing_error_the_deadline_is_a_dead_letter() -> None:
    shown = judged(ENDED, api("crm", body={"v": "{{ analytics.summary }}"}, missing="error"))
    one = delivery(shown, "crm")
    assert (one["result"], one["attempts"], one["why"]) == ("dead", [], "ours")
    assert one["missing"] == ["analytics.summary"]


def test_what_comes_after_the_deadline_changes_nothing() -> None:
    story = ENDED.says("analytics.completed", at=1000, summary="late")
    shown = judged(story, api("crm", body={"v": "{{ analytics.summary }}"}))
    assert (delivery(shown, "crm")["body"], nodes(shown)) == ({}, {"crm": "done"})


def test_other_nodes_do_not_wait_for_one_that_waits() -> None:
    waiting, ready = api("waiting", body={"v": "{{ analytics.summary }}"}), api("ready")
    shown = judged(ENDED.says("analytics.completed", at=100, summary="x"), waiting, ready)
    at = {one: seconds(delivery(shown, one)["attempts"][0]["at"]) for one in ("waiting", "ready")}
    assert at == {"waiting": 100, "ready": 68}
