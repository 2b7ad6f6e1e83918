"""A lane is woken once, at the nearest moment that it was given."""

from streams.lane import AgentShare, LaneQueue
from streams.sleepers import Sleepers
from tests.streams.lanes import lane


def asleep(*moments: float) -> tuple[Sleepers[str], LaneQueue[str]]:
    """One lane that was given several moments, one after another."""
    sleepers: Sleepers[str] = Sleepers()
    one: LaneQueue[str] = LaneQueue(lane("a"), AgentShare("agent"), 8)
    for at in moments:
        sleepers.add(one, at)
    return sleepers, one


def test_a_lane_wakes_when_its_moment_has_come() -> None:
    sleepers, one = asleep(5.0)
    assert (list(sleepers.due(4.9)), sleepers.next_at()) == ([], 5.0)
    assert (list(sleepers.due(5.0)), sleepers.next_at()) == ([one], None)


def test_a_nearer_moment_replaces_a_later_one() -> None:
    sleepers, one = asleep(5.0, 3.0)
    assert sleepers.next_at() == 3.0
    assert list(sleepers.due(3.0)) == [one]
    sleepers.add(one, 9.0)
    assert (list(sleepers.due(5.0)), sleepers.next_at()) == ([], 9.0)


def test_a_later_moment_does_not_replace_a_nearer_one() -> None:
    sleepers, one = asleep(3.0, 5.0)
    assert list(sleepers.due(9.0)) == [one]


def test_the_lane_that_may_start_first_wakes_first() -> None:
    sleepers, later = asleep(5.0)
    sooner: LaneQueue[str] = LaneQueue(lane("b"), AgentShare("agent"), 8)
    sleepers.add(sooner, 4.0)
    assert list(sleepers.due(9.0)) == [sooner, later]
