"""Every process of a run begins with its share of the slow tests, and no test is lost by it."""

from hypothesis import given
from hypothesis import strategies as st

from tests.dealing import dealt


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 8))
def test_dealing_keeps_every_test_once_and_the_order_of_each_sort(slow: list[bool], processes: int) -> None:
    tests = list(enumerate(slow))
    order = dealt(tests, processes, lambda test: test[1])
    assert sorted(order) == tests
    assert dealt(tests, 1, lambda test: test[1]) == sorted(tests, key=lambda test: not test[1])


def test_each_process_begins_with_its_share_of_the_slow_tests() -> None:
    tests = [f"slow {n}" for n in range(5)] + [f"quick {n}" for n in range(7)]
    order = dealt(tests, 3, lambda test: test.startswith("slow"))
    pieces = order[:4], order[4:8], order[8:]
    assert [[test for test in piece if "slow" in test] for piece in pieces] == [
        ["slow 0", "slow 3"],
        ["slow 1", "slow 4"],
        ["slow 2"],
    ]
    assert all("slow" in piece[0] for piece in pieces)
