"""A stuck worker is told from an idle one, and a worker that lost something commits no more."""

from datetime import timedelta

import pytest

from agents.kafka.fitness import Fitness, Unfit
from agents.kafka.watchdog import Watchdog


def after(seconds: float, *alive: str) -> Watchdog:
    """A watchdog of a minute, so many seconds after its start, when only `alive` has happened since."""
    now = [0.0]
    watchdog = Watchdog(timedelta(minutes=1), lambda: now[0])
    now[0] = seconds
    for sign in alive:
        watchdog.heard(seconds) if sign == "heard" else getattr(watchdog, sign)()
    return watchdog


@pytest.mark.parametrize(
    ("alive", "missing"),
    [(("heard",), "poll"), (("polled",), "heartbeat"), (("polled", "heard"), "progress")],
)
def test_what_has_not_happened_for_too_long_is_named(alive: tuple[str, ...], missing: str) -> None:
    stalled = after(61, *alive).stalled(61, lag=3)
    assert stalled == f"no {missing} for 61 s, expected one every 60 s"


def test_standing_still_with_nothing_to_do_is_no_fault() -> None:
    assert after(3600, "polled", "heard").stalled(3600, lag=0) is None


def test_a_worker_within_its_limit_is_not_stuck() -> None:
    assert after(59).stalled(59, lag=3) is None


def test_a_lost_record_forbids_every_later_commit() -> None:
    fitness = Fitness()
    told: list[BaseException] = []
    fitness.tell(told.append)
    refusal = RuntimeError("MessageSizeTooLarge")
    fitness.check()
    fitness.lost("a record", refusal)
    fitness.lost("another", RuntimeError("later"))
    with pytest.raises(Unfit, match="MessageSizeTooLarge"):
        fitness.check()
    assert told == [refusal]
