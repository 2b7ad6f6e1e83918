"""Which webhooks fire: once per event on arrival, once per verdict for its outcome, and for no other reason."""

import pytest

from tests.builders import CallStory, call
from tests.streams.engine import Engine
from tests.streams.tales import EVENT_WEBHOOKS, OUTCOME_WEBHOOKS, documents, flow, sending

NONE = flow((), "")
ALL = ("call.ended", "call.completed", "call.premature", "call.transferred", "call.voicemail", "call.busy")
ALL = (
    *ALL,
    "call.no_answer",
    "call.cancelled",
    "call.failed",
    "call.lost",
    "call.outcome_upgraded",
    "call.settled",
)


def engine(*hooks: str) -> Engine:
    return Engine(documents(NONE, *hooks))


def answered() -> CallStory:
    return call().answered(agent_id="bot")


PROPER = answered().ended("end_node", end_node_id="resolved")


@pytest.mark.parametrize(
    ("told", "fired"),
    [
        (PROPER, "call.ended call.completed call.settled"),
        (answered().ended("caller_hangup"), "call.ended call.premature call.settled"),
        (answered().ended("agent_error"), "call.ended call.premature call.failed call.settled"),
        (answered().voicemail().ended("completed"), "call.ended call.premature call.voicemail call.settled"),
        (answered().bridged().ended("transferred"), "call.ended call.transferred call.settled"),
        (call().ringing(agent_id="bot").ended("busy"), "call.ended call.busy call.settled"),
        (call().ringing(agent_id="bot").ended("rejected"), "call.ended call.failed call.settled"),
        (answered().ended("busy").ended("completed"), "call.ended call.premature call.settled"),
    ],
)
def test_a_verdict_fires_its_own_webhooks_once(told: CallStory, fired: str) -> None:
    assert engine(*ALL).hear(told).wait(9).asked == fired.split()


def test_a_lost_call_says_so_beside_its_outcome() -> None:
    told = engine(*ALL).hear(answered()).wait(3700)
    assert told.asked == ["call.ended", "call.premature", "call.lost", "call.settled"]


def test_an_upgrade_fires_only_that_and_a_second_settlement() -> None:
    told = engine(*ALL).hear(answered().ended("completed")).wait(3)
    told.hear(call().ended("end_node", end_node_id="resolved", id="late"))
    assert told.asked[3:] == ["call.outcome_upgraded", "call.settled"]
    assert told.body("call.outcome_upgraded")["data"]["upgraded_from"] == "PREMATURE"
    assert told.body("call.settled")["data"]["upgraded"] is True
    assert len({one.delivery_id for one in told.started}) == 5


def test_an_event_fires_its_own_type_on_arrival() -> None:
    told = engine(*EVENT_WEBHOOKS).hear(call().started(agent_id="bot").turn("hello").turn("hello"))
    assert told.asked == ["conversation.started", "turn.completed", "turn.completed"]
    assert told.body("turn.completed")["data"]["data"] == {"role": "user", "content": "hello"}
    assert told.body("turn.completed")["type"] == "turn.completed"


def test_what_comes_before_anybody_names_the_voice_agent_waits_and_then_fires() -> None:
    told = engine(*EVENT_WEBHOOKS).hear(call().started(id="a").turn("hello", id="b"))
    assert told.asked == []
    told.hear(call().turn("later", id="c", agent_id="bot"))
    assert told.asked == ["conversation.started", "turn.completed", "turn.completed"]
    assert not [key for key in told.parts if key.sort == "u"]


def test_the_outcome_webhook_carries_the_fields_of_the_record_and_the_call() -> None:
    told = engine("call.ended").hear(PROPER)
    body = told.body("call.ended")
    assert (body["type"], body["data"]["verdict"], body["data"]["call"]["id"]) == (
        "call.ended",
        "PROPER",
        "c1",
    )
    outcome = told.told("call.outcome")[0]
    assert {name: body["data"][name] for name in outcome if name != "type"} == {
        name: value for name, value in outcome.items() if name != "type"
    }


def test_an_agent_that_subscribed_nothing_is_sent_nothing() -> None:
    assert engine().hear(answered().turn().ended("completed")).wait(9).asked == []


def test_an_event_named_like_an_outcome_fires_nothing() -> None:
    told = engine("call.completed", "call.settled").hear(
        answered().says("call.completed").says("call.settled")
    )
    assert told.asked == []


def test_a_test_call_is_told_as_one_in_every_webhook() -> None:
    told = engine("turn.completed").hear(answered().says("call.queued", is_test=True, at=0).turn())
    assert dict(told.requests["turn.completed"].request.headers)["postcall-test"] == ("true",)


def test_a_webhook_that_cannot_be_rendered_is_a_dead_letter_and_leaves_nothing_in_the_row() -> None:
    hook = {"turn.completed": sending("https://a.example/{{ variables.nowhere }}")}
    told = Engine(documents(NONE, **hook)).hear(answered().turn().turn())
    assert told.counts["dead_letter", "ours"] == 2
    assert told.row.deliveries == ()


def test_a_straggler_whose_webhook_cannot_be_rendered_lets_the_call_settle() -> None:
    hook = {"turn.completed": sending("https://a.example/{{ variables.nowhere }}")}
    told = Engine(documents(NONE, **hook)).hear(PROPER).acknowledge().wait(601).hear(call().turn(id="x"))
    assert told.acknowledge().row.settled


def test_the_webhook_of_an_event_is_forgotten_when_it_is_final() -> None:
    told = engine("turn.completed").hear(answered().turn()).reply("turn.completed")
    assert (told.row.deliveries, [key for key in told.parts if key.sort == "r"]) == ((), [])


def test_the_ids_of_webhooks_know_neither_url_nor_version() -> None:
    ids = []
    for url in ("https://one.example", "https://two.example"):
        told = Engine(documents(NONE, **{kind: sending(url) for kind in OUTCOME_WEBHOOKS})).hear(PROPER)
        ids.append([one.delivery_id for one in told.started])
    assert ids[0] == ids[1]
