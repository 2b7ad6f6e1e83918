"""Which workflow, version and voice agent a call has, and what becomes of it where nobody applied them."""

from tests.agents.cli.simulating import (
    GREETED,
    RESOLVED,
    STANDARD,
    agent,
    api,
    call,
    delivery,
    judged,
    nodes,
    simulated,
    webhooks,
    workflow,
)


# R19
def test_without_its_workflow_a_call_is_judged_by_what_its_events_say() -> None:
    shown = simulated(
        RESOLVED.ended("end_node"), documents=(agent("call.ended", workflow="other"), workflow())
    )[0]
    assert (shown["verdict"], shown["rule"], shown["end_node_id"]) == ("PROPER", "R1", "resolved")
    assert "unknown_node" in shown["flags"]
    assert (webhooks(shown), nodes(shown)) == (["call.ended"], {})


def test_an_unknown_workflow_version_runs_no_node() -> None:
    shown = judged(call(workflow_id="support", workflow_version=9).node("resolved").ended("end_node"))
    assert (shown["verdict"], nodes(shown)) == ("PROPER", {})
    assert "call.ended" in webhooks(shown)


def test_without_its_voice_agent_a_call_has_a_verdict_and_no_webhooks() -> None:
    shown = simulated(call(agent_id="nobody").node("resolved", node_type="end_call").ended("end_node"))[0]
    assert (shown["verdict"], webhooks(shown)) == ("PROPER", [])


def test_an_end_call_node_without_nodes_is_still_a_proper_end() -> None:
    shown = judged(GREETED.node("sorry").ended("end_node"))
    assert (shown["verdict"], shown["end_node_id"], nodes(shown)) == ("PROPER", "sorry", {})
    assert webhooks(shown) == ["call.completed", "call.ended", "call.settled"]


# R20
def test_a_test_call_runs_and_says_so() -> None:
    shown = judged(call(is_test=True).node("resolved").ended("end_node"))
    assert {one["headers"]["postcall-test"] for one in shown["deliveries"]} == {"true"}
    assert nodes(shown) == {"crm": "done"}
    assert "postcall-test" not in delivery(judged(RESOLVED.ended("end_node")), "crm")["headers"]


def test_a_test_call_is_skipped_under_test_calls_skip() -> None:
    shown = judged(call(is_test=True).node("resolved").ended("end_node"), test_calls="skip")
    assert (shown["verdict"], nodes(shown)) == ("PROPER", {"crm": "test_call"})
    assert (delivery(shown, "crm")["result"], delivery(shown, "crm")["attempts"]) == ("skipped", [])


# Pinning
def test_the_first_event_that_names_a_workflow_pins_it() -> None:
    old = workflow(api("old"), version=1)
    new = workflow(api("new"), version=2)
    pinned = call().answered(workflow_id="support", workflow_version=1).node("resolved").ended("end_node")
    documents = (old, new, STANDARD[1])
    assert nodes(simulated(pinned, documents=documents)[0]) == {"old": "done"}
    other = call().answered().node("resolved", workflow_id="support", workflow_version=1)
    other = other.ended("end_node", workflow_id="support", workflow_version=2)
    assert nodes(simulated(other, documents=documents)[0]) == {"old": "done"}
    unpinned = simulated(RESOLVED.ended("end_node"), documents=documents)[0]
    assert nodes(unpinned) == {"new": "done"}


def test_the_pin_is_the_first_in_the_order_of_time_not_of_arrival() -> None:
    documents = (workflow(api("old"), version=1), workflow(api("new"), version=2), STANDARD[1])
    story = call().answered(at=2, arrived=2, workflow_id="support", workflow_version=2)
    story = story.node("resolved", at=1, arrived=3, seq=..., workflow_id="support", workflow_version=1)
    assert nodes(simulated(story.ended("end_node", at=4), documents=documents)[0]) == {"old": "done"}
