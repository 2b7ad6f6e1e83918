"""The length of a cycle follows how busy the process is."""

import pytest

from agents.kafka.pace import BUSY, CALM, LONG, LOOK, SHORT, Pace


class Process:
    """A process that works for a share of the time."""

    def __init__(self) -> None:
        self.at, self.worked = 100.0, 7.0

    def spend(self, seconds: float, share: float) -> None:
        self.at += seconds
        self.worked += seconds * share


def pace_of(process: Process) -> Pace:
    return Pace(lambda: process.worked, lambda: process.at)


def test_a_calm_process_asks_often_and_a_busy_one_seldom() -> None:
    process = Process()
    pace = pace_of(process)
    assert pace.cycle == pytest.approx(SHORT)
    process.spend(1, CALM)
    assert pace.cycle == pytest.approx(SHORT)
    process.spend(1, (CALM + BUSY) / 2)
    assert pace.cycle == pytest.approx((SHORT + LONG) / 2)
    process.spend(1, 1.7)
    assert pace.cycle == pytest.approx(LONG)


def test_between_two_looks_it_stays_as_it_is() -> None:
    process = Process()
    pace = pace_of(process)
    process.spend(1, 1)
    assert pace.cycle == pytest.approx(LONG)
    process.spend(LOOK / 2, 0)
    assert pace.cycle == pytest.approx(LONG)
    process.spend(LOOK, 0)
    assert pace.cycle == pytest.approx(SHORT)
