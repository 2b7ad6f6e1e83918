"""Turns are fair, and no limit is passed."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as some

from streams.lanes import Limits, Rank
from tests.streams.lanes import filled, lane, one_by_one, started


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
    assert started(lanes, 0.9) == []
    assert lanes.wake_at() == 1.0
    assert len(started(lanes, 1.0)) == 8
    assert (lanes.in_slots, lanes.slow) == (8, 8)


def test_slow_attempts_have_a_bound_of_their_own() -> None:
    lanes = filled(Limits(slots=8, agent_share=1, slow=3), (lane("a"), Rank.LIVE, 20))
    turns = started(lanes)
    assert started(lanes, 2.0) == []
    assert (lanes.in_slots, lanes.slow, lanes.wake_at()) == (5, 3, None)
    lanes.finish(next(turn for turn in turns if turn.slow), 2.0)
    assert len(started(lanes, 2.0)) == 1
    assert (lanes.in_slots, lanes.slow) == (5, 3)


def test_what_is_dropped_never_starts_and_the_rest_keeps_its_order() -> None:
    lanes = filled(Limits(), (lane("a"), Rank.LIVE, 6))
    dropped = lanes.drop(lambda item: item[7] in "024", 0.0)
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


@given(some.lists(some.integers(1, 12), min_size=2, max_size=6), some.integers(1, 60))
def test_among_agents_that_all_have_work_nobody_gets_more_than_one_turn_ahead(
    lanes_of: list[int], turns: int
) -> None:
    entries = [
        (lane(f"{name}", str(agent)), Rank.LIVE, 60)
        for agent, many in enumerate(lanes_of)
        for name in range(many)
    ]
    lanes = filled(Limits(slots=100, agent_share=1, lane=60), *entries)
    had = Counter(item.partition("/")[0] for item in one_by_one(lanes, turns))
    counts = [had[str(agent)] for agent in range(len(lanes_of))]
    assert max(counts) - min(counts) <= 1


@given(some.integers(1, 5), some.integers(1, 5), some.integers(1, 8))
def test_the_ranks_keep_their_shares_however_they_are_spread(agents: int, names: int, rounds: int) -> None:
    entries = [
        (lane(str(name), str(agent)), rank, 100)
        for agent in range(agents)
        for name in range(names)
        for rank in Rank
    ]
    had = Counter(item.split("/")[2] for item in one_by_one(filled(Limits(), *entries), 12 * rounds))
    assert had == {"LIVE": 8 * rounds, "RETRY": 3 * rounds, "REPLAY": rounds}


@given(some.lists(some.tuples(some.integers(0, 3), some.integers(0, 9)), min_size=1, max_size=300))
def test_an_agents_share_is_a_quarter_whatever_comes_and_ages(script: list[tuple[int, int]]) -> None:
    lanes, now = filled(Limits(slots=16, slow=5)), 0.0
    for agent, name in script:
        now += 0.05
        lanes.enter(lane(str(name), str(agent)), Rank.LIVE, "", now)
        started(lanes, now)
        assert lanes.in_slots <= 16
        assert max(share.in_slots for share in lanes._agents.values()) <= 4
