"""What a reply does to its delivery: done, tried again on its schedule, or a dead letter with its reason."""

from typing import Any

import pytest

from schemas.delivery import Answered, Reply, Silence, State
from tests.builders import call, second
from tests.streams.engine import OK, Engine
from tests.streams.tales import api, documents, flow

ENDED = call().answered(agent_id="bot").ended("end_node", end_node_id="resolved")
RESET = Silence("reset", "sent")


def engine(*hooks: str, **node: Any) -> Engine:
    return Engine(documents(flow((api("crm", **node),), "resolved>crm"), *hooks)).hear(ENDED)


def log(told: Engine) -> list[dict[str, object]]:
    return [one for one in told.records if "next_at" in one]


def test_a_success_is_logged_and_ends_the_delivery() -> None:
    told = engine().reply("crm")
    assert told.states() == {"crm": "done"}
    [line] = log(told)
    assert (line["class"], line["status"], line["attempt"], line["next_at"]) == ("success", 200, 1, None)
    assert told.counts["delivered", "node"] == 1


@pytest.mark.parametrize("reply", [Answered(500), Answered(503), RESET, Silence("refused", "unsent")])
def test_what_may_pass_is_tried_again_on_the_schedule(reply: Reply) -> None:
    told = engine().reply("crm", reply)
    assert told.delivery("crm").state is State.PARKED
    assert log(told)[0]["next_at"] is not None
    assert told.wait(7).asked == ["crm", "crm"]
    assert told.started[-1].attempt == 2


def test_an_overloaded_endpoint_is_left_alone_for_as_long_as_it_asks() -> None:
    told = engine().reply("crm", Answered(503, retry_after=100.0))
    assert told.wait(99).asked == ["crm"]
    assert told.wait(2).asked == ["crm", "crm"]


def test_the_last_attempt_of_the_schedule_makes_a_dead_letter() -> None:
    told = engine()
    for _ in range(3):
        told.reply("crm", Answered(500)).wait(10)
    assert (told.asked, told.states()) == (["crm"] * 3, {"crm": "dead"})
    letter = next(one for one in told.records if "reason" in one and "attempts" in one)
    assert (letter["reason"], len(letter["attempts"]), letter["why"]) == ("exhausted", 3, "status_500")
    assert [line["next_at"] is None for line in log(told)] == [False, False, True]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Answered(404), "rejected"),
        (Answered(401), "auth"),
        (Answered(410), "gone"),
        (Answered(500, control="disable"), "gone"),
        (Answered(500, control="abort-message"), "aborted"),
        (Silence("egress_denied", "before"), "ours"),
    ],
)
def test_what_will_not_pass_is_a_dead_letter_at_once(reply: Reply, reason: str) -> None:
    told = engine().reply("crm", reply)
    assert told.states() == {"crm": "dead"}
    assert told.counts["dead_letter", reason] == 1


def test_what_must_not_be_sent_twice_is_not_when_nobody_knows() -> None:
    told = engine(retry_ambiguous=False).reply("crm", RESET)
    assert told.states() == {"crm": "dead"}
    assert told.counts["dead_letter", "exhausted"] == 1


def test_a_reply_to_an_attempt_that_is_over_changes_nothing() -> None:
    told = engine().reply("crm", Answered(500)).wait(7)
    before = told.row
    told.reply("crm", OK, attempt=1)
    assert told.row == before
    assert told.counts["notes", "stale_reply"] == 1


def test_a_reply_that_comes_twice_counts_once() -> None:
    told = engine().reply("crm")
    before = told.row
    assert told.reply("crm").row == before


def test_a_parked_delivery_takes_no_reply() -> None:
    told = engine().reply("crm", Answered(500))
    before = told.row
    assert told.reply("crm").row == before


def test_every_attempt_has_the_same_bytes_under_the_same_id() -> None:
    told = engine().reply("crm", Answered(500)).wait(7)
    assert len({(one.delivery_id, one.request) for one in told.started}) == 1
    assert sum(key.sort == "r" for key in told.parts) == 1


def test_how_long_delivery_took_counts_from_the_decision() -> None:
    told = engine()
    told.now = second(30)
    told.reply("crm")
    [took] = [one for one in told.steps[-1].counts if one.what == "delivered"]
    assert took.amount == 30.25


def test_a_webhook_is_refused_and_tried_again_where_a_node_is_not() -> None:
    told = engine("call.ended").reply("call.ended", Answered(404))
    assert told.delivery("call.ended").state is State.PARKED
