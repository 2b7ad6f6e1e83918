"""The scheduler under load, on a virtual clock: isolation, and the return of an endpoint that was down."""

from collections import Counter
from itertools import pairwise

import pytest

from schemas.documents.retries import PRESETS
from schemas.workflow import Schedule
from streams.allowance import MOST
from streams.lanes import Lane, Lanes, Limits, Shown
from streams.pace import DOUBLES_EVERY, LATENESS, START_RATE, STARTS_FOR
from streams.retry import luck
from streams.traffic import Arrival, Made, Traffic, Try
from tests.streams.lanes import lane

WELL, ILL = Shown("resets"), Shown("hurts")
HANGS, DOWN = lane("hangs"), lane("down")


def answers(to: Lane, now: float) -> tuple[float, Shown]:
    return (2.0, Shown("hurts", timed_out=True)) if to == HANGS else (0.010, WELL)


def test_an_endpoint_that_hangs_does_not_slow_the_others() -> None:
    arrivals = [
        Arrival(number / 800, HANGS if luck("hangs", number) < 0.2 else lane(str(number % 199)))
        for number in range(4_000)
    ]
    traffic = Traffic(Lanes(Limits(slots=100, agent_share=1)), answers)
    took = sorted(
        made.ended_at - made.what.arrived_at for made in traffic.play(arrivals) if made.what.to != HANGS
    )
    assert len(took) > 3_000
    assert took[int(0.99 * len(took))] == pytest.approx(0.010, abs=0.002)


HOUR = 3_600.0
PARKED = 100_000


def again(failed: Try, ended_at: float) -> float | None:
    """The patient schedule."""
    schedule = PRESETS["patient"]
    assert isinstance(schedule, Schedule)
    if failed.number > len(schedule.waits):
        return None
    return ended_at + schedule.waits[failed.number - 1].total_seconds()


@pytest.fixture(scope="module", params=[0.001, 0.2], ids=["quick", "slow"])
def returned(request: pytest.FixtureRequest) -> list[Made]:
    """All attempts at an endpoint that is down for an hour, in which 100,000 deliveries come for it."""
    takes = request.param

    def answer(to: Lane, now: float) -> tuple[float, Shown]:
        return (0.005, ILL) if now < HOUR else (takes, WELL)

    arrivals = (Arrival(number * HOUR / PARKED, DOWN) for number in range(PARKED))
    return list(Traffic(Lanes(), answer, again).play(arrivals))


def test_while_it_is_down_only_probes_go_to_it(returned: list[Made]) -> None:
    failed = [made for made in returned if made.said == ILL]
    # Five open the breaker; then 15 s, doubling to ten minutes.
    assert len(failed) <= 8 + 6 + HOUR / 600


def test_once_it_is_up_all_are_delivered(returned: list[Made]) -> None:
    done = Counter(made.what.delivery for made in returned if made.said == WELL)
    assert (len(done), max(done.values())) == (PARKED, 1)


def test_no_moment_of_its_return_is_a_herd(returned: list[Made]) -> None:
    probe, *rest = [made for made in returned if made.said == WELL]
    began_at = rest[0].started_at
    at = sorted(made.started_at for made in rest)
    assert 0 <= began_at - probe.ended_at < 1 / START_RATE
    for first, last in pairwise(range(0, len(at), 5)):
        if at[last] - began_at < STARTS_FOR:
            rate = START_RATE * 2 ** int((at[last] - began_at) / DOUBLES_EVERY)
            assert last - first <= rate * (at[last] - at[first] + LATENESS) + 1


def test_no_more_than_its_limit_is_ever_under_way(returned: list[Made]) -> None:
    changes = sorted(
        change for made in returned for change in ((made.started_at, 1, 0), (made.ended_at, 0, -1))
    )
    under_way = most = 0
    for _, begun, over in changes:
        under_way += begun + over
        most = max(most, under_way)
    assert most <= MOST
