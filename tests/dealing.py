"""In which order the processes of a run (`-n`) get the tests, so that all of them are done at the same time.

xdist's `worksteal` cuts the list into as many pieces as there are processes, and lets one that is done take the
second half of another's rest. Slow tests that lie together are all in one piece, and are stolen last.
"""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def dealt(tests: Sequence[T], processes: int, is_slow: Callable[[T], bool]) -> list[T]:
    """All tests, so that each process's piece begins with its share of the slow ones; else in their order."""
    slow = [test for test in tests if is_slow(test)]
    quick = iter([test for test in tests if not is_slow(test)])
    order: list[T] = []
    for process in range(processes):
        # As xdist cuts: each takes its part of what the ones before it have left.
        size = (len(tests) - len(order)) // (processes - process)
        share = slow[process::processes]
        order += share
        order += islice(quick, max(0, size - len(share)))
    return [*order, *quick]
