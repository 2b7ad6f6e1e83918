"""A clock that is an hour off, a worker's or all producers', changes no verdict and loses nothing."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.system.brokers import ServedBroker
from tests.system.clock_off import clock_off
from tests.system.loaded import under_load

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(240)]

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("fast", [pytest.param(HOUR, id="fast"), pytest.param(-HOUR, id="slow")])
def test_producers_whose_clocks_are_an_hour_off_get_the_same_verdicts(
    kafka: ServedBroker, tmp_path: Path, fast: timedelta
) -> None:
    with under_load(kafka.bootstrap, tmp_path, 81, fast=fast) as run:
        run.note(f"the producers' clocks are off by {fast}")
        judgement = run.settle(seconds=20)
        assert (judgement.violations, judgement.repeats) == ((), 0)


@pytest.mark.needs("cc")
@pytest.mark.parametrize("fast", [pytest.param(HOUR, id="fast"), pytest.param(-HOUR, id="slow")])
def test_a_worker_whose_clock_is_an_hour_off_does_what_the_others_do(
    kafka: ServedBroker, tmp_path: Path, fast: timedelta
) -> None:
    with under_load(kafka.bootstrap, tmp_path, 82, workers=0) as run:
        run.fleet.add()
        (off,) = run.fleet.add(own=clock_off(tmp_path, fast))
        run.note(f"the clock of {off.name} is off by {fast}")
        run.tell()
        judgement = run.settle(seconds=20)
        assert (judgement.violations, judgement.repeats) == ((), 0)


@pytest.mark.needs("cc")
@pytest.mark.parametrize(
    "clocks",
    [
        pytest.param((timedelta(seconds=10), timedelta()), id="fast to right"),
        pytest.param((timedelta(), HOUR), id="right to fast"),
    ],
)
def test_what_a_worker_has_put_off_is_late_at_the_next_by_no_more_than_its_clock_was_fast(
    kafka: ServedBroker, tmp_path: Path, clocks: tuple[timedelta, timedelta]
) -> None:
    owns = [clock_off(tmp_path, fast) for fast in clocks]
    with under_load(kafka.bootstrap, tmp_path, 83, workers=0) as run:
        (first,) = run.fleet.add(own=owns[0])
        run.tell()
        (second,) = run.fleet.add(own=owns[1])
        run.note(f"{first.name} leaves the rest to {second.name}")
        first.terminate()
        assert first.wait() == 0
        judgement = run.settle(seconds=60)
        assert (judgement.violations, judgement.repeats) == ((), 0)
