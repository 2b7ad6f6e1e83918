"""A call whose workflow nobody had applied at its verdict runs it when it is replayed (R19)."""

import pytest

from streams.definitions import Snapshot
from tests.builders import CallStory, call
from tests.streams.engine import Engine
from tests.streams.replays import ENDED, newest
from tests.streams.tales import api, documents, flow

UNKNOWN = documents(None)


def one_node(version: int = 1) -> Snapshot:
    return documents(flow((api("crm"),), "resolved>crm", version))


def test_a_call_whose_workflow_was_applied_later_runs_its_nodes() -> None:
    told = Engine(UNKNOWN).hear(ENDED).settle()
    assert (told.row.settled, told.asked) == (True, [])
    told.documents = one_node(7)
    told.replay()
    assert (told.asked, newest(told, "crm").replay) == (["crm"], True)
    told.reply("crm")
    outcomes = [one["type"] for one in told.records if "verdict" in one]
    assert outcomes == ["call.outcome", "call.settled", "call.settled"]
    assert told.records[-1]["workflow_version"] == 7
    assert told.settle().row.conversations == ()


def test_a_workflow_that_is_still_unknown_changes_nothing() -> None:
    told = Engine(UNKNOWN).hear(ENDED).settle()
    before = told.row
    assert told.replay().row == before


def test_a_call_that_named_a_version_runs_that_one() -> None:
    told = Engine(one_node(2)).hear(
        call()
        .answered(agent_id="bot", workflow_id="support", workflow_version=1)
        .ended(end_node_id="resolved")
    )
    told.settle().documents = Snapshot(
        {"support": {1: flow((api("old"),), "resolved>old", 1), 2: flow((api("new"),), "resolved>new", 2)}},
        told.documents.agents,
    )
    assert told.replay().asked == ["old"]


def test_a_workflow_that_knows_better_raises_the_verdict() -> None:
    said = call().answered(agent_id="bot").says("node.entered", node_id="resolved").ended("end_node")
    told = Engine(UNKNOWN).hear(said).wait(4).settle()
    assert told.told("call.outcome")[0]["verdict"] == "PREMATURE"
    told.documents = one_node()
    told.replay().reply("crm")
    [raised] = told.told("call.outcome_upgraded")
    assert (raised["verdict"], raised["upgraded_from"]) == ("PROPER", "PREMATURE")
    assert told.told("call.settled")[-1]["upgraded"] is True


@pytest.mark.parametrize(
    "said",
    [
        call().answered(agent_id="bot").ended("caller_hangup"),
        call().answered().ended(end_node_id="resolved"),
    ],
)
def test_a_call_that_no_workflow_could_change_shrinks(said: CallStory) -> None:
    assert Engine(UNKNOWN).hear(said).wait(4).settle().row.conversations == ()


def test_a_call_of_an_agent_that_was_applied_later_runs_its_nodes() -> None:
    told = Engine(Snapshot()).hear(ENDED).settle()
    told.documents = one_node()
    assert told.replay().asked == ["crm"]


def test_a_late_run_does_not_happen_twice() -> None:
    told = Engine(UNKNOWN).hear(ENDED).settle()
    told.documents = one_node()
    told.replay().replay()
    assert told.asked == ["crm"]
