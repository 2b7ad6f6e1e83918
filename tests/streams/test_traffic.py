"""The scheduler under load, on a virtual clock: isolation, and the return of an endpoint that was down."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import pytest

from streams import rehearsals
from streams.allowance import MOST
from streams.lanes import Lane, Lanes, Shown
from streams.pace import DOUBLES_EVERY, LATENESS, START_RATE, STARTS_FOR
from streams.rehearsals import DOWN_FOR, HANGS, ILL, PARKED, WELL
from streams.traffic import Arrival, Made, Traffic
from tests.streams.lanes import lane


def of_the_healthy(played: Iterator[Made]) -> list[float]:
    took = sorted(made.ended_at - made.what.arrived_at for made in played if made.what.to != HANGS)
    assert len(took) > 3_000
    return took


def test_in_lanes_an_endpoint_that_hangs_does_not_slow_the_others() -> None:
    took = of_the_healthy(rehearsals.in_lanes())
    assert took[int(0.99 * len(took))] == pytest.approx(0.010, abs=0.002)


def test_in_a_shared_pool_it_does() -> None:
    took = of_the_healthy(rehearsals.in_a_shared_pool())
    assert took[int(0.99 * len(took))] > 5.0


def test_a_rate_is_reached_and_not_exceeded_beside_others_without_one() -> None:
    def answer(to: Lane, now: float) -> tuple[float, Shown]:
        return 0.02, WELL

    slow, quick = lane("slow"), lane("quick")
    arrivals = [Arrival(number / 1_000, slow if number % 2 else quick) for number in range(4_000)]
    traffic = Traffic(Lanes(), answer, rate=lambda to: 50.0 if to == slow else None)
    made = list(traffic.play(arrivals))
    ends = {to: max(one.ended_at for one in made if one.what.to == to) for to in (slow, quick)}
    assert ends[slow] == pytest.approx(2_000 / 50, abs=0.1)
    assert ends[quick] < 10


@pytest.fixture(scope="module", params=[0.001, 0.2], ids=["quick", "slow"])
def returned(request: pytest.FixtureRequest) -> list[Made]:
    """All attempts at an endpoint that is down for an hour, in which 100,000 deliveries come for it."""
    return list(rehearsals.recovery(request.param))


def test_while_it_is_down_only_probes_go_to_it(returned: list[Made]) -> None:
    failed = [made for made in returned if made.said == ILL]
    # Five open the breaker; then 15 s, doubling to ten minutes.
    assert len(failed) <= 8 + 6 + DOWN_FOR / 600


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
