"""A thousand calls of every outcome, told by two producers out of order and in part twice, come out right.

Judged from outside, on a real Kafka: nothing lost, nothing made up, chains in order, metrics agreeing;
nothing done twice in clean operations, and after kill -9 no more than was in flight, under the same
idempotency key.
"""

import random
import time
from pathlib import Path

import pytest

from tests.system.brokers import ServedBroker
from tests.system.load import Mixture
from tests.system.runs import Run, open_run

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


@pytest.mark.parametrize("workers", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_every_call_comes_out_right(kafka: ServedBroker, tmp_path: Path, workers: int) -> None:
    with open_run(kafka.bootstrap, tmp_path, Mixture(calls=1000, seed=11 + workers)) as run:
        run.fleet.add(workers)
        run.tell()
        judgement = run.settle(undisturbed=True)
        assert judgement.violations == ()
        assert (judgement.repeats, judgement.looked_at["count"]) == (0, 8)


@pytest.mark.slow
def test_clean_operations_repeat_nothing(kafka: ServedBroker, tmp_path: Path) -> None:
    with open_run(kafka.bootstrap, tmp_path, Mixture(calls=1000, seed=21, seconds=30)) as run:
        first, second = run.fleet.add(2)
        run.tell()
        _after(run, 5, "SIGTERM and restart of one")
        assert run.fleet.restart(first) == 0
        _after(run, 5, "another joins")
        (_third,) = run.fleet.add()
        _after(run, 5, "one leaves")
        second.terminate()
        assert second.wait() == 0
        judgement = run.settle()
        assert judgement.violations == ()
        assert judgement.repeats == 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [31])
def test_four_kills_lose_nothing_and_repeat_what_was_in_flight_at_most(
    kafka: ServedBroker, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    with open_run(kafka.bootstrap, tmp_path, Mixture(calls=1000, seed=seed, seconds=40)) as run:
        run.fleet.add(3)
        run.tell()
        for _ in range(4):
            victim = dice.choice(run.fleet.workers)
            _after(run, dice.uniform(6, 9), f"kill -9 of {victim.name}")
            run.fleet.kill(victim)
        judgement = run.settle()
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


def _after(run: Run, seconds: float, what: str) -> None:
    time.sleep(seconds)
    run.note(what)
