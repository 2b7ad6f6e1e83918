"""Turns are fair, limits hold, and an endpoint that hangs holds up nobody but itself."""

from collections import Counter
from heapq import heappop, heappush
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as some

from streams.lanes import Lane, Lanes, Limits, Rank, Started


def lane(name: str, agent_id: str = "agent") -> Lane:
    return Lane(f"https://{name}.example:443", agent_id, "call.ended")


def filled(limits: Limits, *entries: tuple[Lane, Rank, int]) -> Lanes[str]:
    lanes: Lanes[str] = Lanes(limits)
    for key, rank, count in entries:
        for number in range(count):
            lanes.enter(key, rank, f"{key.agent_id}/{key.endpoint[8:9]}{number}/{rank.name}", 0.0)
    return lanes


def started(lanes: Lanes[str], now: float = 0.0) -> list[Started[str]]:
    return list(iter(lambda: lanes.start(now), None))  # type: ignore[arg-type]


def one_by_one(lanes: Lanes[str], count: int) -> list[str]:
    items = []
    for _ in range(count):
        turn = lanes.start(0.0)
        assert turn is not None
        lanes.finish(turn, 0.0)
        items.append(turn.item)
    return items


def test_a_lane_is_first_in_first_out() -> None:
    lanes = filled(Limits(), (lane("a"), Rank.LIVE, 20))
    assert one_by_one(lanes, 20) == [f"agent/a{number}/LIVE" for number in range(20)]


def test_a_lane_has_no_more_than_its_limit_under_way() -> None:
    lanes = filled(Limits(lane=8), (lane("a"), Rank.LIVE, 20), (lane("a"), Rank.RETRY, 20))
    turns = started(lanes)
    assert len(turns) == 8
    lanes.finish(turns[0], 0.0)
    assert len(started(lanes)) == 1


def test_voice_agents_take_turns_whatever_the_number_of_their_lanes() -> None:
    many = [(lane(name, "many"), Rank.LIVE, 8) for name in "abcdefgh"]
    lanes = filled(Limits(slots=100, agent_share=1), *many, (lane("z", "few"), Rank.LIVE, 8))
    assert Counter(item.partition("/")[0] for item in one_by_one(lanes, 16)) == {"many": 8, "few": 8}


def test_an_agents_lanes_take_turns() -> None:
    lanes = filled(Limits(), (lane("a"), Rank.LIVE, 100), (lane("b"), Rank.LIVE, 3))
    assert [item.split("/")[1] for item in one_by_one(lanes, 6)] == ["a0", "b0", "a1", "b1", "a2", "b2"]


def test_no_voice_agent_has_more_than_a_quarter_of_the_slots() -> None:
    greedy = [(lane(str(number), "greedy"), Rank.LIVE, 9) for number in range(10)]
    lanes = filled(Limits(slots=64), *greedy, (lane("z", "modest"), Rank.LIVE, 3))
    assert Counter(turn.lane.agent_id for turn in started(lanes)) == {"greedy": 16, "modest": 3}


def test_live_retries_and_replays_get_turns_as_eight_to_three_to_one() -> None:
    lanes = filled(Limits(), *((lane("a"), rank, 200) for rank in Rank))
    turns = Counter(item.split("/")[2] for item in one_by_one(lanes, 120))
    assert turns == {"LIVE": 80, "RETRY": 30, "REPLAY": 10}


def test_a_turn_that_its_rank_cannot_use_is_not_lost() -> None:
    lanes = filled(Limits(lane=100), (lane("a"), Rank.REPLAY, 50))
    assert len(started(lanes)) == 50


def test_an_attempt_that_runs_for_over_a_second_leaves_its_slot_but_not_its_lane() -> None:
    lanes = filled(Limits(slots=8, agent_share=1), (lane("a"), Rank.LIVE, 9), (lane("b"), Rank.LIVE, 8))
    assert len(started(lanes)) == 8
    lanes.age(0.9)
    assert started(lanes, 0.9) == []
    lanes.age(1.0)
    assert (lanes.in_slots, lanes.slow) == (0, 8)
    assert len(started(lanes, 1.0)) == 8


def test_slow_attempts_have_a_bound_of_their_own() -> None:
    lanes = filled(Limits(slots=8, agent_share=1, slow=3), (lane("a"), Rank.LIVE, 20))
    turns = started(lanes)
    lanes.age(2.0)
    assert (lanes.in_slots, lanes.slow) == (5, 3)
    lanes.finish(next(turn for turn in turns if turn.slow), 2.0)
    lanes.age(2.0)
    assert (lanes.in_slots, lanes.slow) == (4, 3)


def test_a_lane_that_is_held_starts_nothing_before_its_time() -> None:
    lanes = filled(Limits(), (lane("a"), Rank.LIVE, 2), (lane("b"), Rank.LIVE, 1))
    lanes.hold(lane("a"), 10.0)
    lanes.hold(lane("a"), 5.0)
    assert [turn.item for turn in started(lanes, 9.9)] == ["agent/b0/LIVE"]
    assert len(started(lanes, 10.0)) == 2


def test_a_raised_limit_is_used_at_once() -> None:
    lanes = filled(Limits(lane=1), (lane("a"), Rank.LIVE, 5))
    assert len(started(lanes)) == 1
    lanes.limit(lane("a"), 4, 0.0)
    assert len(started(lanes)) == 3


def test_what_is_dropped_never_starts_and_the_rest_keeps_its_order() -> None:
    lanes = filled(Limits(), (lane("a"), Rank.LIVE, 6))
    dropped = lanes.drop(lambda item: item[7] in "024")
    assert dropped == ["agent/a0/LIVE", "agent/a2/LIVE", "agent/a4/LIVE"]
    assert lanes.queued == 3
    assert [turn.item[7] for turn in started(lanes)] == ["1", "3", "5"]


def test_how_long_an_item_waited_is_said_when_it_starts() -> None:
    lanes = filled(Limits(lane=1), (lane("a"), Rank.LIVE, 2))
    first = lanes.start(0.5)
    assert first is not None
    lanes.finish(first, 2.0)
    second = lanes.start(2.0)
    assert (first.waited, second and second.waited) == (0.5, 2.0)


actions = some.lists(
    some.one_of(
        some.tuples(
            some.just("enter"), some.integers(0, 2), some.integers(0, 2), some.sampled_from(list(Rank))
        ),
        some.tuples(some.sampled_from(["start", "finish", "age", "drop", "hold"]), some.integers(0, 9)),
        some.tuples(some.just("wait"), some.floats(0, 2)),
    ),
    max_size=120,
)


class Played:
    """Lanes played by a list of actions, with a simple account of what must hold beside them."""

    def __init__(self) -> None:
        self.lanes: Lanes[int] = Lanes(Limits(slots=8, lane=2, slow=3))
        self.now = 0.0
        self.entered = 0
        self.under_way: list[Started[int]] = []
        self.gone: list[int] = []

    def play(self, action: tuple[object, ...]) -> None:
        match action:
            case ("enter", int(agent), int(name), Rank() as rank):
                self.lanes.enter(lane(str(name), str(agent)), rank, self.entered, self.now)
                self.entered += 1
            case ("start", _):
                turn = self.lanes.start(self.now)
                self.under_way += [turn] if turn else []
            case ("finish", int(index)) if self.under_way:
                turn = self.under_way.pop(index % len(self.under_way))
                self.lanes.finish(turn, self.now)
                self.gone.append(turn.item)
            case ("age", _):
                self.lanes.age(self.now)
            case ("drop", int(digit)):
                self.gone += self.lanes.drop(lambda item: item % 10 == digit)
            case ("hold", int(index)):
                self.lanes.hold(lane(str(index % 3), str(index // 3 % 3)), self.now + index)
            case ("wait", float(seconds)):
                self.now += seconds

    def check(self) -> None:
        by_lane = Counter(turn.lane for turn in self.under_way)
        by_agent = Counter(turn.lane.agent_id for turn in self.under_way if not turn.slow)
        assert max(by_lane.values(), default=0) <= 2
        assert max(by_agent.values(), default=0) <= 2
        assert self.lanes.in_slots == sum(by_agent.values()) <= 8
        assert self.lanes.slow == len(self.under_way) - self.lanes.in_slots <= 3
        assert self.lanes.queued + len(self.under_way) + len(self.gone) == self.entered


@given(actions)
def test_no_limit_is_ever_passed_and_nothing_is_ever_lost(script: list[tuple[object, ...]]) -> None:
    played = Played()
    for action in script:
        played.play(action)
        played.check()
    played.now += 100
    while played.lanes.queued or played.under_way:
        turn = played.lanes.start(played.now)
        assert turn or played.under_way, "something waits although nothing is under way"
        played.under_way += [turn] if turn else []
        if turn is None:
            played.play(("finish", 0))
    assert sorted(played.gone) == list(range(played.entered))


class World:
    """Deliveries to 200 endpoints of 10 ms, while one that hangs for 2 s gets a fifth of them all."""

    def __init__(self) -> None:
        self.lanes: Lanes[float] = Lanes(Limits(slots=100, agent_share=1))
        self.took: list[float] = []
        self._luck = Random(7)
        self._ends: list[tuple[float, int, Started[float]]] = []

    def arrive(self, at: float) -> None:
        name = "hangs" if self._luck.random() < 0.2 else str(self._luck.randrange(200))
        self.run_until(at)
        self.lanes.enter(lane(name), Rank.LIVE, at, at)
        self._begin(at)

    def run_until(self, until: float) -> None:
        while self._ends and self._ends[0][0] <= until:
            now, _, turn = heappop(self._ends)
            self.lanes.age(now)
            self.lanes.finish(turn, now)
            if "hangs" not in turn.lane.endpoint:
                self.took.append(now - turn.item)
            self._begin(now)

    def _begin(self, now: float) -> None:
        while (turn := self.lanes.start(now)) is not None:
            lasts = 2.0 if "hangs" in turn.lane.endpoint else 0.01
            heappush(self._ends, (now + lasts, id(turn), turn))


def test_an_endpoint_that_hangs_does_not_slow_the_others() -> None:
    world = World()
    for number in range(8_000):
        world.arrive(number / 800)
    took = sorted(world.took)
    assert len(took) > 6_000
    assert took[int(0.99 * len(took))] == pytest.approx(0.010, abs=0.002)
