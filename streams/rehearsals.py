"""Two loads that show what lanes are for: an endpoint that hangs beside many that do not, and the return of
one that was down for an hour.
"""

from collections.abc import Iterator
from typing import Final

from schemas.documents.retries import PRESETS
from schemas.workflow import Schedule
from streams.lanes import Lane, Lanes, Limits, Shown
from streams.retry import luck
from streams.traffic import Arrival, Made, Traffic, Try

PER_SECOND: Final = 800
SECONDS: Final = 5
ENDPOINTS: Final = 200
HANGING_SHARE: Final = 0.2
"""Of all deliveries, those that go to the endpoint that hangs."""
HANGS_FOR: Final = 2.0
ANSWERS_IN: Final = 0.010
SLOTS: Final = 100

DOWN_FOR: Final = 3_600.0
PARKED: Final = 100_000
"""Deliveries that come for an endpoint while it is down."""

WELL: Final = Shown("resets")
ILL: Final = Shown("hurts")
SILENT: Final = Shown("hurts", timed_out=True)


def endpoint(name: str) -> Lane:
    """An endpoint of that name."""
    return Lane(f"https://{name}.example:443", "voice-agent", "call.ended")


HANGS: Final = endpoint("hangs")
DOWN: Final = endpoint("down")


def in_a_shared_pool() -> Iterator[Made]:
    """One queue and one pool of slots for all endpoints, as delivery systems have it."""
    limits = Limits(slots=SLOTS, lane=SLOTS, agent_share=1.0, slow_after=DOWN_FOR)
    pool = endpoint("all")
    traffic = Traffic(Lanes(limits), _answer, lane_of=lambda to: pool, isolated=False)
    return traffic.play(_beside_one_that_hangs())


def in_lanes() -> Iterator[Made]:
    """The same load and as many slots, in lanes."""
    return Traffic(Lanes(Limits(slots=SLOTS, agent_share=1.0)), _answer).play(_beside_one_that_hangs())


def recovery(takes: float = ANSWERS_IN) -> Iterator[Made]:
    """An endpoint that refuses for an hour, and then answers within `takes` seconds."""

    def answer(to: Lane, now: float) -> tuple[float, Shown]:
        return (0.005, ILL) if now < DOWN_FOR else (takes, WELL)

    arrivals = (Arrival(number * DOWN_FOR / PARKED, DOWN) for number in range(PARKED))
    return Traffic(Lanes(), answer, _patiently).play(arrivals)


def _beside_one_that_hangs() -> Iterator[Arrival]:
    for number in range(PER_SECOND * SECONDS):
        hangs = luck("hangs", number) < HANGING_SHARE
        yield Arrival(number / PER_SECOND, HANGS if hangs else endpoint(str(number % ENDPOINTS)))


def _answer(to: Lane, now: float) -> tuple[float, Shown]:
    return (HANGS_FOR, SILENT) if to == HANGS else (ANSWERS_IN, WELL)


def _patiently(failed: Try, ended_at: float) -> float | None:
    """The schedule that deliveries have where their document names none."""
    schedule = PRESETS["patient"]
    assert isinstance(schedule, Schedule)
    if failed.number > len(schedule.waits):
        return None
    return ended_at + schedule.waits[failed.number - 1].total_seconds()
