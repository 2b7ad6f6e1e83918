"""In whatever order replies, replays and repetitions of both come: what is done is done, under one id."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from schemas.delivery import Answered, Silence, State
from schemas.messages import Replay, Replied
from streams import machine
from tests.streams.engine import OK, Engine
from tests.streams.replays import engine

REPLIES = some.sampled_from((OK, OK, Answered(404), Answered(410), Answered(500), Silence("reset", "sent")))
PLACES = some.integers(0, 99)
HAPPENINGS = some.lists(
    some.one_of(
        some.tuples(some.just("reply"), PLACES, REPLIES),
        some.tuples(some.just("reply"), PLACES, REPLIES),
        some.tuples(some.just("replay"), some.none()),
        some.tuples(some.just("replay"), PLACES),
        some.tuples(some.just("repeat"), PLACES),
        some.tuples(some.just("wait"), some.sampled_from((1.0, 10.0, 601.0))),
        some.tuples(some.just("acknowledge")),
    ),
    max_size=40,
)


def happen(told: Engine, said: list[machine.Input], happening: tuple[Any, ...]) -> None:
    match happening:
        case ("reply", place, reply):
            asked = told.started[place % len(told.started)]
            said.append(Replied("c1", asked.delivery_id, asked.attempt, reply, told.now, 0.1))
            told.fold(said[-1])
        case ("replay", None):
            said.append(Replay("c1"))
            told.fold(said[-1])
        case ("replay", place):
            said.append(Replay("c1", (told.started[place % len(told.started)].delivery_id,)))
            told.fold(said[-1])
        case ("repeat", place) if said:
            told.fold(said[place % len(said)])
        case ("wait", seconds):
            told.wait(seconds)
        case _:
            told.acknowledge()


@given(HAPPENINGS)
@settings(max_examples=150, deadline=None)
def test_nothing_that_is_done_is_sent_again_and_every_name_has_one_id(happenings: list[Any]) -> None:
    told = engine("call.answered", "call.ended")
    said: list[machine.Input] = []
    done: set[str] = set()
    for happening in happenings:
        steps = len(told.steps)
        happen(told, said, happening)
        for step in told.steps[steps:]:
            assert {
                effect.delivery.delivery_id for effect in step.effects if hasattr(effect, "delivery")
            }.isdisjoint(done)
            ended = (*step.dropped, *step.call.deliveries)
            done |= {one.delivery_id for one in ended if one.state is State.DONE}
    ids = {(one.kind, one.id): one.delivery_id for one in told.started}
    assert {one.delivery_id for one in told.started} == set(ids.values())
    attempts = [(one.delivery_id, one.attempt) for one in told.started]
    assert len(attempts) == len(set(attempts)), "an attempt was asked for twice"


@given(HAPPENINGS)
@settings(max_examples=100, deadline=None)
def test_a_replay_folded_twice_is_a_replay_folded_once(happenings: list[Any]) -> None:
    told = engine("call.answered")
    for happening in happenings:
        happen(told, [], happening)
    told.fold(Replay("c1"))
    before = told.row
    assert told.fold(Replay("c1")).row == before
