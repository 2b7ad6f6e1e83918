"""Which workflow a call runs is fixed by what was said first, and by what was in force at first sight (R14, R19)."""

from dataclasses import replace as changed

from schemas.delivery import Answered
from tests.builders import call
from tests.streams.engine import Engine
from tests.streams.tales import api, documents, flow

OLD = flow((api("old"),), "resolved>old", version=1)
NEW = flow((api("new"),), "resolved>new", version=2)
BOTH = changed(documents(OLD), workflows={"support": {1: OLD, 2: NEW}})
BACK = changed(BOTH, workflows={"support": {2: NEW, 1: OLD}})
END = {"end_node_id": "resolved"}


def test_the_version_in_force_at_first_sight_runs_though_another_is_applied_meanwhile() -> None:
    engine = Engine(documents(OLD)).hear(call().answered(agent_id="bot"))
    engine.documents = BOTH
    assert engine.hear(call().ended("end_node", id="z", **END)).asked == ["old"]


def test_the_first_version_that_is_named_in_order_pins_the_call() -> None:
    later = call().answered(agent_id="bot", workflow_version=2, at=5, id="a")
    first = call().queued(workflow_version=1, workflow_id="support", at=1, id="b")
    engine = Engine(BOTH).hear(later).hear(first).hear(call().ended("end_node", id="z", at=9, **END))
    assert engine.asked == ["old"]


def test_after_the_verdict_nothing_moves_the_pin() -> None:
    engine = Engine(BACK).hear(call().answered(agent_id="bot").ended("end_node", **END))
    engine.hear(call().queued(workflow_id="support", workflow_version=2, at=-1, id="q"))
    assert engine.conversation.workflow_version == 1


def test_a_call_of_an_unknown_workflow_has_its_verdict_and_is_counted() -> None:
    engine = Engine(documents(None, "call.ended")).hear(
        call().answered(agent_id="bot").ended("end_node", **END)
    )
    assert engine.told("call.outcome")[0]["verdict"] == "PROPER"
    assert engine.asked == ["call.ended"]
    assert engine.counts["notes", "unknown_workflow"] == 1
    assert len(engine.told("call.settled")) == 1


def test_a_version_that_nobody_applied_is_counted_apart_from_an_unknown_workflow() -> None:
    engine = Engine(documents(OLD)).hear(
        call().answered(agent_id="bot", workflow_id="support", workflow_version=9).ended("end_node", **END)
    )
    assert engine.counts["notes", "unknown_version"] == 1
    assert engine.counts["notes", "unknown_workflow"] == 0


def test_a_call_of_a_voice_agent_that_nobody_applied_is_counted() -> None:
    engine = Engine(documents(OLD)).hear(call().answered(agent_id="ghost").ended("no_answer"))
    engine.wait(3)
    assert engine.counts["notes", "unknown_agent"] == 1


def test_a_workflow_that_is_applied_before_the_verdict_is_in_time() -> None:
    engine = Engine(documents(None)).hear(call().answered(agent_id="bot"))
    engine.documents = documents(OLD)
    assert engine.hear(call().ended("end_node", id="z", **END)).asked == ["old"]


def test_an_end_call_node_without_nodes_is_counted() -> None:
    engine = Engine(documents(OLD)).hear(
        call().answered(agent_id="bot").ended("end_node", end_node_id="sorry")
    )
    assert engine.counts["notes", "no_nodes"] == 1


def test_nodes_whose_workflow_was_deleted_are_given_up_at_the_ready_deadline() -> None:
    chain = flow((api("crm"), api("mail")), "resolved>crm crm>mail")
    engine = Engine(documents(chain)).hear(call().answered(agent_id="bot").ended("end_node", **END))
    engine.documents = documents(None)
    engine.reply("crm").wait(299)
    assert engine.states() == {"crm": "done", "mail": "waiting"}
    engine.wait(700).acknowledge()
    assert engine.row.settled
    assert "found no workflow support@1" in engine.records[-2]["why"]


def test_a_workflow_that_comes_back_in_time_goes_on() -> None:
    chain = flow((api("crm"), api("mail")), "resolved>crm crm>mail")
    engine = Engine(documents(chain)).hear(call().answered(agent_id="bot").ended("end_node", **END))
    engine.documents = documents(None)
    engine.hear(call().analytics(id="x"))
    engine.documents = documents(chain)
    engine.reply("crm", Answered(500)).wait(2)
    assert engine.reply("crm").asked == ["crm", "crm", "mail"]


def test_other_content_under_a_deleted_version_is_no_reason_to_stop() -> None:
    chain = flow((api("crm"), api("mail")), "resolved>crm crm>mail")
    other = flow((api("crm"), api("text")), "resolved>crm crm>text text>mail")
    engine = Engine(documents(chain)).hear(call().answered(agent_id="bot").ended("end_node", **END))
    engine.documents = documents(other)
    engine.reply("crm")
    assert engine.states() == {"crm": "done", "mail": "dead"}
