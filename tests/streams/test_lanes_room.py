"""A lane has room for so many, and says when it has room again for what it refused."""

from streams.lanes import Lanes, Limits, Rank
from tests.streams.lanes import lane, one_by_one


def test_what_finds_its_lane_full_is_refused_until_half_of_it_has_started() -> None:
    lanes: Lanes[str] = Lanes(Limits(waiting=4))
    entered = [lanes.enter(lane("a"), Rank.LIVE, str(number), 0.0) for number in range(6)]
    other = lanes.enter(lane("b"), Rank.LIVE, "b", 0.0)
    assert (entered, other) == ([True] * 4 + [False] * 2, True)
    assert one_by_one(lanes, 2) == ["0", "b"]
    assert lanes.hungry == []
    one_by_one(lanes, 2)
    assert lanes.hungry == [lane("a")]


def test_each_rank_has_room_of_its_own() -> None:
    lanes: Lanes[str] = Lanes(Limits(waiting=1))
    entered = [lanes.enter(lane("a"), rank, rank.name, 0.0) for rank in (*Rank, *Rank)]
    assert entered == [True] * 3 + [False] * 3


def test_a_lane_that_refused_nothing_asks_for_nothing() -> None:
    lanes: Lanes[str] = Lanes(Limits(waiting=4))
    for number in range(4):
        lanes.enter(lane("a"), Rank.LIVE, str(number), 0.0)
    one_by_one(lanes, 4)
    assert lanes.hungry == []


def test_a_full_lane_whose_items_are_dropped_asks_for_more() -> None:
    lanes: Lanes[str] = Lanes(Limits(waiting=4))
    for number in range(5):
        lanes.enter(lane("a"), Rank.LIVE, str(number), 0.0)
    lanes.drop(lambda item: item != "0", 0.0)
    assert (lanes.queued, lanes.hungry) == (1, [lane("a")])


def test_when_very_much_waits_a_lane_has_only_the_least_room() -> None:
    lanes: Lanes[str] = Lanes(Limits(waiting=100, queued=150, waiting_least=2))
    for name in "ab":
        for number in range(100):
            lanes.enter(lane(name), Rank.LIVE, f"{name}{number}", 0.0)
    assert [lanes.enter(lane("c"), Rank.LIVE, str(number), 0.0) for number in range(3)] == [True, True, False]
    assert lanes.queued == 152
