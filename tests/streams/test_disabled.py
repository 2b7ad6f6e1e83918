"""An endpoint that wants nothing more gets nothing more, whoever asks, until somebody resumes it."""

import orjson
import pytest

from schemas.delivery import Answered, Reply, Silence, State
from tests.streams.engine import Engine
from tests.streams.replays import CHAIN, ENDED, disabled, engine, newest
from tests.streams.tales import documents


@pytest.mark.parametrize(
    ("reply", "state", "why"),
    [
        (Answered(410), "dead", "status_410"),
        (Answered(500, control="disable"), "dead", "webhook_delivery_disable"),
        (Answered(200, control="disable"), "done", "webhook_delivery_disable"),
    ],
)
def test_a_webhook_that_wants_nothing_more_disables_its_endpoint(reply: Reply, state: str, why: str) -> None:
    told = Engine(documents(CHAIN, "call.ended")).hear(ENDED).reply("call.ended", reply)
    assert told.delivery("call.ended").state == state
    [owed] = [one for one in told.row.owed if one.topic == "workflows"]
    assert (owed.key, orjson.loads(owed.value)) == ("endpoint/bot/call.ended", {"disabled": True, "why": why})


def test_a_node_is_disabled_only_when_it_says_so() -> None:
    told = engine().reply("crm", Answered(410))
    assert [one for one in told.row.owed if one.topic == "workflows"] == []
    told = engine().reply("crm", Answered(200, control="disable"))
    assert [one.key for one in told.row.owed if one.topic == "workflows"] == ["endpoint/bot/crm"]


def test_what_goes_to_a_disabled_endpoint_is_a_dead_letter_at_once_with_its_request() -> None:
    told = disabled(Engine(documents(CHAIN, "call.answered")), "call.answered", "crm").hear(ENDED)
    assert told.asked == ["alarm", "log"]
    letters = [one for one in told.records if one.get("reason")]
    assert [one["reason"] for one in letters if "attempts" in one] == ["disabled", "disabled"]
    told.reply("alarm").reply("log").settle()
    disabled(told).replay()
    assert sorted(told.asked[2:]) == ["call.answered", "crm"]


def test_a_retry_that_comes_due_at_a_disabled_endpoint_is_a_dead_letter() -> None:
    told = engine().reply("crm", Answered(500))
    disabled(told, "crm").wait(10)
    assert (told.delivery("crm").state, told.delivery("crm").why) == (State.DEAD, "disabled")
    assert told.states()["alarm"] == "started"


def test_an_attempt_that_found_its_endpoint_disabled_is_a_dead_letter() -> None:
    told = engine().reply("crm", Silence("disabled", "before"))
    assert told.delivery("crm").why == "disabled"
    assert newest(told.replay("crm"), "crm").attempt == 2


def test_an_endpoint_that_is_disabled_already_is_told_no_one() -> None:
    told = Engine(documents(CHAIN, "call.ended")).hear(ENDED)
    disabled(told, "call.ended").reply("call.ended", Answered(410))
    assert [one for one in told.row.owed if one.topic == "workflows"] == []
