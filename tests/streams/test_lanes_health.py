"""A lane heeds what attempts show of its endpoint: pauses, probes, slow starts, rates; and remembers it."""

import pytest

from schemas.delivery import Answered, Kind, Reply, Silence
from streams.lanes import Lane, Lanes, Limits, Rank, Shown, Started, shown
from streams.resting import REMEMBERED_AT_MOST, REMEMBERED_FOR
from tests.streams.lanes import filled, lane, started

A, B = lane("a"), lane("b")
WELL, ILL = Shown("resets"), Shown("hurts")


def finished(lanes: Lanes[str], turns: list[Started[str]], said: Shown | None, now: float) -> list[str]:
    return [change for turn in turns if (change := lanes.finish(turn, now, said)) is not None]


def failing(count: int = 20) -> Lanes[str]:
    """A lane whose endpoint failed five times at 0, with more to be sent."""
    lanes = filled(Limits(), (A, Rank.LIVE, count), (B, Rank.LIVE, 1))
    turns = [turn for turn in started(lanes) if turn.lane == A]
    assert finished(lanes, turns, ILL, 0.0) == ["opened"]
    return lanes


def test_an_open_breaker_lets_nothing_start_and_needs_no_looking_at() -> None:
    lanes = failing()
    finished(lanes, list(lanes._young), WELL, 0.0)
    assert (started(lanes, 14.9), lanes.queued) == ([], 12)
    assert lanes.wake_at() == 15.0


def test_half_open_exactly_one_probe_starts() -> None:
    lanes = failing()
    assert len(started(lanes, 15.0)) == 1
    assert started(lanes, 100.0) == []
    assert lanes.states(15.0)["half_open"] == 1


def test_a_probe_that_failed_is_followed_by_a_longer_wait() -> None:
    lanes = failing()
    assert finished(lanes, started(lanes, 15.0), ILL, 16.0) == ["opened"]
    assert started(lanes, 45.9) == []
    assert len(started(lanes, 46.0)) == 1


def test_a_probe_that_was_not_made_gives_its_place_to_the_next_at_once() -> None:
    lanes = failing()
    probes = started(lanes, 15.0)
    finished(lanes, probes, None, 15.0)
    (another,) = started(lanes, 15.0)
    assert another.item != probes[0].item


def test_a_recovered_endpoint_gets_one_at_first_and_one_more_with_each_success() -> None:
    lanes, under_way = failing(100), []
    turns, now = started(lanes, 15.0), 15.0
    for _ in range(8):
        finished(lanes, turns, WELL, now)
        turns = []
        for _ in range(20):  # slower than a slow start's rate
            now += 0.1
            turns += started(lanes, now)
        under_way.append(len(turns))
    assert under_way == [1, 2, 3, 4, 5, 6, 7, 8]


def test_the_longest_pause_counts() -> None:
    lanes = filled(Limits(), (A, Rank.LIVE, 20), (B, Rank.LIVE, 1))
    first, second, *rest = [turn for turn in started(lanes) if turn.lane == A]
    lanes.finish(first, 0.0, Shown("keeps", pause=60.0))
    lanes.finish(second, 0.0, Shown("keeps", pause=10.0))
    finished(lanes, rest, WELL, 1.0)
    assert started(lanes, 59.9) == []
    assert len(started(lanes, 60.0)) == 1, "what gathered in a long pause starts slowly"


def test_a_short_pause_ends_as_it_began() -> None:
    lanes = filled(Limits(), (A, Rank.LIVE, 20))
    turns = started(lanes)
    finished(lanes, turns, Shown("keeps", pause=1.0), 0.0)
    assert (started(lanes, 0.9), len(started(lanes, 1.0))) == ([], 8)


def test_a_time_out_halves_what_may_be_under_way() -> None:
    lanes = filled(Limits(), (A, Rank.LIVE, 30))
    first, *rest = started(lanes)
    lanes.finish(first, 9.0, Shown("hurts", timed_out=True))
    finished(lanes, rest, Shown("keeps"), 9.0)
    assert len(started(lanes, 9.0)) == 4


def test_success_in_a_full_lane_lets_it_grow() -> None:
    lanes, now = filled(Limits(), (A, Rank.LIVE, 2_000)), 0.0
    for _ in range(30):
        now += 0.01
        finished(lanes, started(lanes, now), WELL, now)
    assert 9 < len(started(lanes, now)) <= 32


def test_a_rate_holds_from_the_first_attempt_on() -> None:
    lanes, made = filled(Limits(), (A, Rank.LIVE, 600)), list[float]()
    while lanes.queued:
        now = lanes.wake_at() or 0.0
        while (turn := lanes.start(now)) is not None:
            lanes.allow(turn, 50.0, now)
            lanes.finish(turn, now, WELL)
            made.append(now)
    assert made[-1] == pytest.approx(600 / 50, abs=0.05)
    assert sum(at < 1.0 for at in made) in (50, 51)


def test_the_next_of_a_rate_comes_in_time_however_long_the_first_one_takes() -> None:
    lanes = filled(Limits(), (A, Rank.LIVE, 3))
    first = lanes.start(0.0)
    assert first is not None
    lanes.allow(first, 2.0, 0.0)
    assert (lanes.start(0.0), lanes.wake_at()) == (None, 0.5)
    assert len(started(lanes, 0.5)) == 1


def test_a_lane_that_waits_for_its_rate_holds_up_no_other() -> None:
    lanes = filled(Limits(), (A, Rank.LIVE, 5))
    (first,) = [lanes.start(0.0)]
    assert first is not None
    lanes.allow(first, 0.1, 0.0)
    lanes.enter(B, Rank.LIVE, "b", 0.0)
    assert [turn.item for turn in started(lanes)] == ["b"]


def test_an_idle_lane_is_remembered_for_what_is_known_of_its_endpoint() -> None:
    lanes = filled(Limits(), (A, Rank.LIVE, 8))
    finished(lanes, started(lanes), ILL, 0.0)
    assert (lanes.queued, lanes.in_flight, lanes.wake_at()) == (0, 0, None)
    lanes.enter(A, Rank.LIVE, "later", 10.0)
    assert (lanes.start(10.0), lanes.wake_at()) == (None, 15.0)


def test_what_rests_for_long_is_forgotten() -> None:
    lanes = filled(Limits(), (A, Rank.LIVE, 8), (B, Rank.LIVE, 1))
    turns = started(lanes)
    finished(lanes, [turn for turn in turns if turn.lane == A], ILL, 0.0)
    finished(lanes, [turn for turn in turns if turn.lane == B], WELL, 1.0)
    assert lanes.states(REMEMBERED_FOR - 1) == {"half_open": 1, "closed": 1}
    assert lanes.states(REMEMBERED_FOR + 1)["closed"] == 0
    assert (lanes._lanes, lanes._agents, lanes._ill) == ({}, {}, {})


def test_memory_is_bounded_whatever_the_number_of_endpoints() -> None:
    lanes: Lanes[int] = Lanes()
    for number in range(REMEMBERED_AT_MOST + 100):
        lanes.enter(lane(str(number), str(number)), Rank.LIVE, number, 0.0)
        turn = lanes.start(0.0)
        assert turn is not None
        lanes.finish(turn, 0.0, WELL)
    assert len(lanes._lanes) == len(lanes._agents) == REMEMBERED_AT_MOST


def test_states_are_counted_and_disabled_endpoints_left_out() -> None:
    lanes = failing()
    assert lanes.states(1.0) == {"open": 1, "closed": 1}
    assert lanes.states(15.0) == {"half_open": 1, "closed": 1}
    lanes.enter(Lane("https://c.example:443", "agent", "crm"), Rank.LIVE, "c", 1.0)
    assert lanes.states(1.0, {"agent/crm"}) == {"open": 1, "closed": 1}


@pytest.mark.parametrize(
    ("reply", "kind", "expected"),
    [
        (Answered(200), "node", Shown("resets")),
        (Answered(500), "node", Shown("hurts")),
        (Answered(404), "webhook", Shown("keeps")),
        (Answered(429), "webhook", Shown("keeps", pause=5.0)),
        (Answered(503, retry_after=90.0), "webhook", Shown("hurts", pause=90.0)),
        (Silence("timeout", "sent"), "node", Shown("hurts", timed_out=True)),
        (Silence("connect_timeout", "unsent"), "node", Shown("hurts", timed_out=True)),
        (Silence("refused", "unsent"), "node", Shown("hurts")),
        (Silence("egress_denied", "before"), "node", None),
    ],
)
def test_a_reply_shows_of_its_endpoint_what_its_row_says(
    reply: Reply, kind: Kind, expected: Shown | None
) -> None:
    assert shown(reply, kind) == expected
