"""Whatever dies whenever, in whatever order things come: nothing is lost, nothing is made up, all of it ends.

Each history is a call among crashes after any effect, takeovers, lost and doubled replies, reordered and
doubled events, late ticks. `lives.check` says in its own words which promise is broken; the seed of the
history stands in the name of the failure.
"""

import time
from collections.abc import Callable

import pytest

from tests.streams.afterlives import afterlife, check_healed
from tests.streams.lives import check, crashing, life
from tests.streams.worlds import World

FEW, MANY = 1_000, 10_000

ENOUGH = 20
"""Broken histories to tell of; of more nobody wants to read."""


def broken(
    seeds: range, lived: Callable[[int], World] = life, checked: Callable[[World], None] = check
) -> dict[int, str]:
    """The first few histories in which a promise is broken, and which."""
    found: dict[int, str] = {}
    for seed in seeds:
        try:
            checked(lived(seed))
        except AssertionError as promise:
            found[seed] = str(promise)
        if len(found) == ENOUGH:
            break
    return found


def test_no_promise_is_broken_in_any_of_a_thousand_histories() -> None:
    assert broken(range(FEW)) == {}


def test_a_replay_finds_everything_that_was_given_up_and_nothing_that_was_done() -> None:
    assert broken(range(FEW), afterlife, check_healed) == {}


def test_histories_with_replays_have_in_them_what_they_are_about() -> None:
    worlds = [afterlife(seed) for seed in range(200)]
    sent = [one.delivery for world in worlds for one in world.sent]
    assert {(one.kind, one.replay) for one in sent} == {
        (kind, again) for kind in ("node", "webhook") for again in (False, True)
    }
    letters = [one for world in worlds for one in world.emitted.values() if "source" in one]
    assert {one["reason"] for one in letters} >= {"exhausted", "rejected", "gone", "disabled"}
    assert sum(one.id == "mail" and one.replay for one in sent) > 20, "freed by its parent"


@pytest.mark.slow
def test_ten_thousand_histories_hold_within_a_minute_of_work() -> None:
    began = time.process_time()
    assert broken(range(FEW, FEW + MANY)) == {}
    assert time.process_time() - began < 60


@pytest.mark.parametrize("seed", range(8))
def test_a_crash_after_each_single_effect_is_survived(seed: int) -> None:
    after, crashes = 0, 1
    while crashes:
        world = crashing(seed, after)
        check(world)
        after, crashes = after + 1, world.crashes
    assert after > 20


def test_histories_have_in_them_what_they_are_about() -> None:
    worlds = [life(seed) for seed in range(300)]
    assert sum(world.crashes for world in worlds) > 200
    assert sum(world.workers - 1 - world.crashes - world.expired for world in worlds) > 200
    assert sum(world.expired for world in worlds) > 20
    records = [record for world in worlds for record in world.emitted.values()]
    assert sum(bool(record.get("synthetic")) for record in records) > 20
    assert sum(record.get("type") == "call.outcome_upgraded" for record in records) > 1
