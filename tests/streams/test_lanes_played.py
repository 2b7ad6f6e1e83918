"""Whatever comes in whatever order: no limit is passed, nothing is lost, nothing is forgotten."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as some

from streams.allowance import MOST
from streams.lanes import Lane, Lanes, Limits, Rank, Shown, Started
from tests.streams.lanes import lane

SHOWN = [
    Shown("resets"),
    Shown("hurts"),
    Shown("hurts", timed_out=True),
    Shown("hurts", pause=7.0),
    Shown("keeps", pause=2.0),
    None,
]

actions = some.lists(
    some.one_of(
        some.tuples(
            some.just("enter"), some.integers(0, 2), some.integers(0, 2), some.sampled_from(list(Rank))
        ),
        some.tuples(some.just("start"), some.none() | some.floats(0.2, 9)),
        some.tuples(some.just("finish"), some.integers(0, 9), some.sampled_from(SHOWN)),
        some.tuples(some.just("drop"), some.integers(0, 9)),
        some.tuples(some.just("wait"), some.floats(0, 20)),
    ),
    max_size=150,
)


class Played:
    """Lanes played by a list of actions, with a simple account of what must hold beside them."""

    def __init__(self) -> None:
        self.lanes: Lanes[int] = Lanes(Limits(slots=8, lane=2, slow=3))
        self.now = 0.0
        self.entered = 0
        self.under_way: list[Started[int]] = []
        self.gone: list[int] = []
        self.paused: dict[Lane, float] = {}

    def play(self, action: tuple[object, ...]) -> None:
        match action:
            case ("enter", int(agent), int(name), Rank() as rank):
                self.lanes.enter(lane(str(name), str(agent)), rank, self.entered, self.now)
                self.entered += 1
            case ("start", rate):
                self.start(rate)  # type: ignore[arg-type]  # a float or None
            case ("finish", int(index), said) if self.under_way:
                self.finish(index, said)  # type: ignore[arg-type]  # what was shown, or None
            case ("drop", int(digit)):
                self.gone += self.lanes.drop(lambda item: item % 10 == digit, self.now)
            case ("wait", float(seconds)):
                self.now += seconds

    def start(self, rate: float | None = None) -> bool:
        turn = self.lanes.start(self.now)
        if turn is None:
            return False
        breaker = turn.queue.breaker
        others = [one for one in self.under_way if one.lane == turn.lane and one.era == turn.era]
        assert self.paused.get(turn.lane, 0.0) <= self.now
        assert breaker.state(self.now) != "open"
        assert breaker.closed or not others, "a second probe"
        assert not breaker.closed or len(others) < max(2, MOST)
        self.under_way.append(turn)
        self.lanes.allow(turn, rate, self.now)
        return True

    def finish(self, index: int, said: Shown | None) -> None:
        turn = self.under_way.pop(index % len(self.under_way))
        self.lanes.finish(turn, self.now, said)
        self.gone.append(turn.item)
        if said is not None and said.pause:
            self.paused[turn.lane] = max(self.paused.get(turn.lane, 0.0), self.now + said.pause)

    def check(self) -> None:
        by_agent = Counter(turn.lane.agent_id for turn in self.under_way if not turn.slow)
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
    while played.lanes.queued or played.under_way:
        if played.start():
            continue
        if played.under_way:
            played.finish(0, Shown("resets"))
        else:
            wakes_at = played.lanes.wake_at()
            assert wakes_at is not None, "something waits, and nobody would look at it again"
            assert wakes_at > played.now, "somebody would look at it again and again"
            played.now = wakes_at
        played.check()
    assert sorted(played.gone) == list(range(played.entered))


@given(actions)
def test_nothing_may_start_before_the_moment_that_is_named(script: list[tuple[object, ...]]) -> None:
    played = Played()
    for action in script:
        played.play(action)
    while played.start():
        pass
    wakes_at = played.lanes.wake_at()
    played.now = played.now + 10_000 if wakes_at is None else (played.now + wakes_at) / 2
    assert not played.start()
