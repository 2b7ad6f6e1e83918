"""What the scheduler costs for each delivery, and for each endpoint that it remembers.

    python -m tests.bench.lanes [DELIVERIES]

Pure decisions, no network: an item enters its lane, has its turn, and ends with a verdict.
"""

import sys
import time
import tracemalloc

from streams.lanes import Lane, Lanes, Rank, Shown

WELL = Shown("resets")


def lane(number: int) -> Lane:
    """One of many endpoints of fifty voice agents."""
    return Lane(f"https://h{number}.example:443", f"agent-{number % 50}", "call.ended")


def seconds_for(endpoints: int, together: int, deliveries: int) -> float:
    """Seconds for so many deliveries, of which some come together each millisecond."""
    lanes: Lanes[int] = Lanes()
    keys = [lane(number) for number in range(endpoints)]
    began, now = time.perf_counter(), 0.0
    for first in range(0, deliveries, together):
        now += 0.001
        for number in range(first, first + together):
            lanes.enter(keys[number % endpoints], Rank.LIVE, number, now)
        turns = []
        while (turn := lanes.start(now)) is not None:
            turns.append(turn)
        for turn in turns:
            lanes.finish(turn, now, WELL)
    return time.perf_counter() - began


def bytes_for(endpoints: int) -> float:
    """Bytes for each endpoint that had a delivery and has nothing to do now."""
    tracemalloc.start()
    lanes: Lanes[int] = Lanes()
    for number in range(endpoints):
        lanes.enter(lane(number), Rank.LIVE, number, 0.0)
        turn = lanes.start(0.0)
        assert turn is not None
        lanes.finish(turn, 0.0, WELL)
    return tracemalloc.get_traced_memory()[0] / endpoints


def main() -> None:
    """Print it."""
    deliveries = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for endpoints, together in ((1, 1), (1, 8), (100, 64), (5_000, 64), (5_000, 1)):
        took = min(seconds_for(endpoints, together, deliveries) for _ in range(3))
        print(f"{endpoints:5} endpoints, {together:2} together: {took / deliveries * 1e6:.1f} µs a delivery")
    print(f"{bytes_for(10_000):.0f} bytes an endpoint at rest")


if __name__ == "__main__":
    main()
