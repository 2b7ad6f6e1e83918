"""Which webhooks fire, when, how often, and what they say."""

import pytest

from tests.agents.cli.simulating import (
    ANSWERED,
    CRM,
    GREETED,
    RESOLVED,
    STANDARD,
    Story,
    agent,
    call,
    clock,
    delivery,
    judged,
    seconds,
    simulated,
    webhooks,
    workflow,
)

FIRED = [
    (RESOLVED.ended("end_node"), "call.completed"),
    (RESOLVED.ended("agent_error"), "call.completed"),
    (RESOLVED.ended("platform_error"), "call.completed"),
    (ANSWERED.ended("end_node", end_node_id="resolved"), "call.completed"),
    (GREETED.ended("caller_hangup"), "call.premature"),
    (GREETED.ended("inactivity"), "call.premature"),
    (GREETED.ended("max_duration"), "call.premature"),
    (GREETED.ended("agent_error"), "call.failed call.premature"),
    (GREETED.ended("platform_error"), "call.failed call.premature"),
    (GREETED.ended("no_audio"), "call.failed call.premature"),
    (GREETED.ended("transfer_failed"), "call.failed call.premature"),
    (call().ended("no_audio"), "call.failed call.premature"),
    (GREETED.ended("busy"), "call.premature"),
    (GREETED.ended("dial_failed"), "call.premature"),
    (GREETED.says("voicemail.detected").ended("completed"), "call.premature call.voicemail"),
    (GREETED.says("voicemail.detected").ended("agent_error"), "call.premature call.voicemail"),
    (call().ended("voicemail"), "call.premature call.voicemail"),
    (GREETED.ended("transferred"), "call.transferred"),
    (GREETED.says("transfer.bridged").ended("agent_error"), "call.transferred"),
    (call().ended("busy"), "call.busy"),
    (call().ended("no_answer"), "call.no_answer"),
    (call().ended("cancelled"), "call.cancelled"),
    *(
        (call().ended(reason), "call.failed")
        for reason in ("rejected", "dial_failed", "blocked", "setup_error")
    ),
    *((call().ended(reason), "call.failed") for reason in ("platform_error", "completed", "unknown")),
    (call().ended("caller_hangup"), "call.failed"),
    (RESOLVED, "call.completed call.lost"),
    (GREETED, "call.lost call.premature"),
    (call().ringing(), "call.failed call.lost"),
    (GREETED.says("transfer.bridged"), "call.lost call.transferred"),
    (RESOLVED.ended("completed").ended("end_node"), "call.completed"),
]


@pytest.mark.parametrize(("story", "beside"), FIRED)
def test_each_verdict_fires_its_webhooks_once(story: Story, beside: str) -> None:
    assert webhooks(judged(story)) == sorted(["call.ended", "call.settled", *beside.split()])


EVENTS_OF_A_CALL = [
    *("call.queued", "call.initiated", "call.ringing", "call.answered", "conversation.started"),
    *("node.entered", "variables.updated", "turn.completed", "closing.spoken", "voicemail.detected"),
    *("agent.error", "transfer.started", "transfer.bridged", "transfer.failed", "transfer.ended"),
    *("transcript.ready", "recording.ready", "analytics.completed"),
]


@pytest.mark.parametrize("said", EVENTS_OF_A_CALL)
def test_every_other_type_fires_once_per_event_on_arrival(said: str) -> None:
    story = call().says(said, at=0, arrived=5, node_id="greet").says(said, at=1, arrived=6, node_id="greet")
    story = Story("c1", (*story.lines, *story.lines)).ended("completed", at=7)
    shown = simulated(story, documents=(workflow(CRM), agent(said)))[0]
    fired = [(one["id"], seconds(one["planned_at"]), one["result"]) for one in shown["deliveries"]]
    assert fired == [(said, 5, "done"), (said, 6, "done")]
    assert len({one["headers"]["webhook-id"] for one in shown["deliveries"]}) == 2


def test_the_webhook_of_an_event_says_its_envelope() -> None:
    story = call().turn("hello", at=3, arrived=9)
    one = delivery(simulated(story, documents=(workflow(), agent("turn.completed")))[0], "turn.completed")
    body = one["body"]
    assert (body["type"], one["headers"]["postcall-event"]) == ("turn.completed", "turn.completed")
    assert body["data"]["data"] == {"role": "user", "content": "hello"}
    said = {name: body["data"][name] for name in ("id", "type", "call_id", "agent_id", "source", "seq")}
    assert said == {name: story.lines[0][name] for name in said}
    assert seconds(body["data"]["occurred_at"]) == 3


def test_what_comes_after_the_end_fires_once_per_event_too() -> None:
    story = RESOLVED.ended("end_node").says("analytics.completed", at=60).says("analytics.completed", at=5000)
    shown = simulated(story, documents=(workflow(CRM), agent("analytics.completed")))[0]
    fired = [seconds(one["planned_at"]) for one in shown["deliveries"] if one["kind"] == "webhook"]
    assert fired == [60, 5000]


def test_call_ended_fires_once_however_many_terminals_came() -> None:
    shown = judged(GREETED.ended("completed", at=5).ended("caller_hangup", at=6).ended("completed", at=60))
    assert webhooks(shown).count("call.ended") == 1


ALIASES = [
    ("pre-conversation", "conversation.started"),
    ("post-conversation", "call.ended"),
    ("analytics-completed", "analytics.completed"),
]


@pytest.mark.parametrize(("alias", "canonical"), ALIASES)
def test_an_alias_fires_as_the_canonical_type(alias: str, canonical: str) -> None:
    story = call().says("conversation.started").ended("completed").says("analytics.completed", at=30)
    shown = simulated(story, documents=(workflow(), agent(alias)))[0]
    (one,) = shown["deliveries"]
    assert (one["id"], one["body"]["type"], one["headers"]["postcall-event"]) == (canonical,) * 3
    assert one["url"] == f"https://hooks.example.com/{alias}"


def test_the_webhook_of_an_outcome_says_its_fields_the_call_and_its_variables() -> None:
    shown = judged(RESOLVED.says("variables.updated", variables={"name": "Ada"}).ended("end_node", at=10))
    body = delivery(shown, "call.completed")["body"]
    ids = {"call_id": "c1", "incarnation": 1, "agent_id": "bot", "workflow_id": "support"}
    found = {"verdict": "PROPER", "end_node_id": "resolved", "reason": "end_node", "rule": "R1"}
    rest = {"workflow_version": 1, "flags": [], "synthetic": False, "variables": {"name": "Ada"}}
    expected = ids | found | rest
    assert {name: body["data"][name] for name in expected} == expected
    assert (seconds(body["data"]["decided_at"]), seconds(body["data"]["ended_at"])) == (13, 10)
    assert (body["data"]["call"]["id"], body["data"]["call"]["verdict"]) == ("c1", "PROPER")
    assert body["type"] == "call.completed"


def test_call_settled_waits_for_the_nodes_and_lists_what_became_of_them() -> None:
    shown = judged(RESOLVED.ended("end_node", at=10), responses={"crm": [{"status": 500}, {"status": 200}]})
    settled = delivery(shown, "call.settled")
    assert seconds(settled["planned_at"]) == seconds(delivery(shown, "crm")["attempts"][-1]["at"]) > 13
    node = next(one for one in settled["body"]["data"]["deliveries"] if one["kind"] == "node")
    assert (node["id"], node["result"], node["attempts"], node["class"]) == ("crm", "done", 2, "success")
    assert node["delivery_id"] == delivery(shown, "crm")["headers"]["webhook-id"]


def test_call_settled_does_not_wait_for_webhooks_and_fires_after_the_verdict_without_nodes() -> None:
    shown = judged(GREETED.ended("caller_hangup", at=10), responses={"call.ended": {"status": 500}})
    assert seconds(delivery(shown, "call.settled")["planned_at"]) == 13


def test_after_the_nodes_of_an_upgrade_call_settled_fires_once_more() -> None:
    story = GREETED.ended("agent_hangup", at=10).node("resolved", at=9, arrived=100, seq=3)
    shown = judged(story, responses={"crm": [{"status": 500}, {}]})
    settled = [one for one in shown["deliveries"] if one["id"] == "call.settled"]
    assert [one["body"]["data"].get("upgraded", False) for one in settled] == [False, True]
    done = seconds(delivery(shown, "crm")["attempts"][-1]["at"])
    assert [seconds(one["planned_at"]) for one in settled] == [13, done]
    assert len({one["headers"]["webhook-id"] for one in settled}) == 2


def test_webhooks_of_a_test_call_say_so_though_only_its_first_event_does() -> None:
    story = call().queued(is_test=True).answered().node("resolved").ended("end_node")
    shown = simulated(story, documents=(workflow(CRM), agent("node.entered", "call.ended")))[0]
    assert [one["headers"].get("postcall-test") for one in shown["deliveries"]] == ["true"] * 3


def test_webhooks_fire_whatever_the_workflow_says_of_test_calls() -> None:
    story = call(is_test=True).node("resolved").ended("end_node")
    assert "call.ended" in webhooks(judged(story, test_calls="skip"))


def test_a_webhook_may_have_headers_and_auth_with_secrets_that_are_shown_by_name() -> None:
    hook = {
        "url": "https://hooks.example.com/x",
        "headers": {"X-Team": "support {{ call.id }}"},
        "auth": {"type": "bearer", "token": "{{ secrets.TOKEN }}"},
        "secret": "{{ secrets.HOOK_KEY }}",
    }
    shown = simulated(
        RESOLVED.ended("end_node"), documents=(workflow(), agent(webhooks={"call.ended": hook}))
    )[0]
    headers = {name.lower(): value for name, value in delivery(shown, "call.ended")["headers"].items()}
    assert (headers["x-team"], headers["authorization"]) == ("support c1", "Bearer ***TOKEN***")


def test_the_window_of_an_outcome_is_counted_on_the_clock_of_arrival() -> None:
    shown = judged(RESOLVED.ended("end_node", at=10, arrived=50))
    assert seconds(delivery(shown, "call.ended")["planned_at"]) == 53
    assert delivery(shown, "call.ended")["body"]["data"]["ended_at"].startswith(clock(10)[:19])


def test_what_the_voice_agent_does_not_subscribe_to_does_not_fire() -> None:
    assert simulated(GREETED.ended("completed"), documents=(STANDARD[0], agent()))[0]["deliveries"] == []
