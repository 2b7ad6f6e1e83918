"""An endpoint's in-flight limit grows slowly with success, and halves with a time-out."""

from hypothesis import given
from hypothesis import strategies as some

from streams.allowance import FIRST, MOST, Allowance


def test_a_time_out_halves_it_down_to_one() -> None:
    allowance, limits = Allowance(), []
    for second in range(5):
        allowance.timed_out(second, second + 0.5)
        limits.append(allowance.limit)
    assert limits == [4, 2, 1, 1, 1]


def test_what_timed_out_together_counts_once() -> None:
    allowance = Allowance()
    for _ in range(8):
        allowance.timed_out(0.0, 15.0)
    assert allowance.limit == 4


def test_a_round_of_successes_lets_it_grow_by_one() -> None:
    allowance = Allowance()
    for _ in range(FIRST):
        allowance.succeeded(0.0)
    assert allowance.limit in (FIRST, FIRST + 1)
    allowance.succeeded(0.0)
    assert allowance.limit == FIRST + 1


def test_it_grows_no_further_than_its_most() -> None:
    allowance = Allowance()
    for _ in range(2_000):
        allowance.succeeded(0.0)
    assert allowance.limit == MOST


def test_after_a_rest_it_begins_at_one_and_comes_back_quickly() -> None:
    allowance, limits = Allowance(), []
    allowance.restart(10.0)
    for _ in range(8):
        limits.append(allowance.limit)
        allowance.succeeded(11.0)
    assert limits == [1, 2, 3, 4, 5, 6, 7, 8]
    assert allowance.limit == 8, "from here on by rounds"


def test_what_started_before_a_rest_says_nothing_after_it() -> None:
    allowance = Allowance()
    allowance.restart(10.0)
    allowance.succeeded(9.0)
    assert allowance.limit == 1


@given(some.lists(some.tuples(some.sampled_from(["succeeded", "timed_out", "restart"]), some.floats(0, 9))))
def test_it_stays_within_its_bounds_and_grows_by_one_at_most(script: list[tuple[str, float]]) -> None:
    allowance, now = Allowance(), 0.0
    for what, later in script:
        before, now = allowance.limit, now + later
        match what:
            case "succeeded":
                allowance.succeeded(now)
                assert before <= allowance.limit <= before + 1
            case "timed_out":
                allowance.timed_out(now, now)
                assert allowance.limit == max(1, before // 2)
            case _:
                allowance.restart(now)
                assert allowance.limit == 1
        assert 1 <= allowance.limit <= MOST
