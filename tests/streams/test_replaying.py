"""A replay sends what was given up, once more and under the same id, and what hung on it; nothing else."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from schemas.delivery import Answered, Reply, State
from schemas.messages import Replied
from schemas.workflow import Backoff
from streams.definitions import Snapshot
from tests.builders import call
from tests.streams.engine import OK, Engine
from tests.streams.replays import CHAIN, DEAD, ENDED, engine, given_up, newest
from tests.streams.tales import api, documents, flow


def test_a_replayed_node_is_sent_with_its_bytes_and_id_and_says_so() -> None:
    told = given_up()
    first = newest(told, "crm")
    again = newest(told.replay("crm"), "crm")
    assert (again.delivery_id, again.request) == (first.delivery_id, first.request)
    assert (again.replay, again.attempt, again.spent) == (True, 2, 1)
    assert told.counts["notes", "replayed"] == 1


def test_a_replayed_node_that_succeeds_runs_what_was_skipped_because_of_it_and_nothing_else() -> None:
    told = given_up().replay("crm")
    before = len(told.asked)
    told.reply("crm", Answered(200, body={"ticket": 7})).reply("mail").reply("thanks").settle()
    assert told.asked[before:] == ["mail", "thanks"]
    assert told.body("mail") == {"ticket": 7}
    assert (told.row.conversations, told.row.deliveries, told.parts) == ((), (), {})


def test_a_replayed_node_that_fails_again_leaves_what_hangs_on_it_skipped() -> None:
    told = given_up().replay("crm").reply("crm", DEAD).settle()
    assert told.states() == {
        "crm": "dead",
        "mail": "skipped",
        "thanks": "skipped",
        "alarm": "done",
        "log": "done",
    }
    letters = [head["ce_id"] for head in told.headers if head["ce_type"] == "delivery.dead"]
    assert len(set(letters)) == 2


def test_a_replay_tells_once_more_that_the_call_is_settled() -> None:
    told = given_up("call.settled").reply("call.settled").replay("crm").reply("crm").reply("mail")
    assert len(told.told("call.settled")) == 1
    told.reply("thanks")
    _, again = told.told("call.settled")
    assert {one["id"]: one["result"] for one in again["deliveries"]}["thanks"] == "done"
    assert "upgraded" not in again
    ids = {head["ce_id"] for head in told.headers if head["ce_type"] == "call.settled"}
    assert len(ids) == 2
    assert len({one.delivery_id for one in told.started if one.id == "call.settled"}) == 2


@pytest.mark.parametrize("replies", [(), (OK,), (Answered(500),)])
def test_the_same_replay_once_more_does_nothing(replies: tuple[Reply, ...]) -> None:
    told = given_up().replay("crm")
    for reply in replies:
        told.reply("crm", reply)
    before = told.row
    assert told.replay("crm").row == before
    assert told.counts["notes", "nothing_to_replay"] == 1


def test_a_replay_of_a_call_that_nobody_knows_leaves_no_row() -> None:
    told = Engine(documents(CHAIN)).replay()
    assert (told.row.conversations, told.row.deliveries, told.parts) == ((), (), {})


def test_a_replay_follows_the_whole_schedule_again() -> None:
    told = engine()
    for _ in range(3):
        told.reply("crm", Answered(500)).wait(10)
    assert told.delivery("crm").state is State.DEAD
    told.settle().replay("crm")
    for _ in range(3):
        told.reply("crm", Answered(500)).wait(10)
    assert [one.attempt for one in told.started if one.id == "crm"] == [1, 2, 3, 4, 5, 6]
    assert told.delivery("crm").why == "exhausted"


def test_a_budget_begins_with_the_replay() -> None:
    waits = Backoff(5, timedelta(seconds=1), timedelta(seconds=1), timedelta(seconds=30))
    chain = flow((api("a", retry=waits), api("b", retry=waits)), "resolved>a a>b")
    told = Engine(documents(chain)).hear(ENDED).reply("a").reply("b", DEAD).settle().replay("b")
    told.reply("b", Answered(500))
    assert told.delivery("b").state is State.PARKED


def test_an_answer_to_an_attempt_before_the_replay_is_stale() -> None:
    told = given_up().replay("crm")
    before = told.row
    told.fold(Replied("c1", newest(told, "crm").delivery_id, 1, OK, told.now, 0.1))
    assert told.row == before


def test_a_node_that_could_not_be_rendered_is_rendered_with_what_is_known_now() -> None:
    once = flow((api("crm", {"text": "{{ analytics.summary }}"}, missing="error"),), "resolved>crm")
    told = Engine(documents(once)).hear(ENDED).wait(301).settle()
    assert told.states() == {"crm": "dead"}
    told.hear(call().analytics(summary="well", id="late")).replay()
    assert told.body("crm") == {"text": "well"}
    assert told.reply("crm").settle().row.conversations == ()


def test_a_dead_failure_branch_waits_for_the_replay_of_what_it_makes_up_for() -> None:
    told = engine().reply("crm", DEAD).reply("alarm", DEAD).reply("log").settle().replay()
    assert told.states()["alarm"] == "waiting"
    told.reply("crm").reply("mail").reply("thanks").settle()
    assert told.asked.count("alarm") == 1, "it was not needed after all"


def test_a_dead_failure_branch_goes_with_its_bytes_when_its_parent_fails_again() -> None:
    told = engine().reply("crm", DEAD).reply("alarm", DEAD).reply("log").settle()
    kept = newest(told, "alarm").request
    told.replay().reply("crm", DEAD)
    assert (newest(told, "alarm").request, newest(told, "alarm").attempt) == (kept, 2)


def test_a_skipped_node_alone_is_not_replayed() -> None:
    told = given_up()
    skipped = told.delivery("mail").delivery_id
    before = told.row
    told.started.append(replace(newest(told, "crm"), id="mail", delivery_id=skipped))
    assert told.replay("mail").row == before


def test_a_replay_in_the_upgrade_window_needs_no_rest() -> None:
    told = engine().reply("crm", DEAD).reply("alarm").reply("log").replay("crm")
    assert told.reply("crm").states()["mail"] == "started"


def test_kept_bytes_go_although_the_workflow_was_deleted() -> None:
    told = given_up()
    told.documents = Snapshot({}, told.documents.agents)
    assert told.replay("crm").delivery("crm").state is State.STARTED
