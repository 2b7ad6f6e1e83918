"""How many attempts at one endpoint may be under way: found out by trying, as TCP finds its window.

Eight at first. A time-out halves it; successes while all of it is in use let it grow, by one for each
round of them. After a rest it begins at one, and grows by one for each success until it is eight again.
"""

from typing import Final

FIRST: Final = 8
MOST: Final = 32


class Allowance:
    """The in-flight limit of one lane. `now` and `started_at` are seconds of a steady clock.

    What an attempt shows counts only if it started after the last cut or rest: eight that time out
    together are one hiccup of the endpoint, not eight.
    """

    __slots__ = ("_exact", "_first", "_goal", "_since", "limit")

    def __init__(self, first: int = FIRST) -> None:
        self.limit = first
        self._first = first
        self._exact = self._goal = float(first)
        self._since = 0.0

    def succeeded(self, started_at: float) -> None:
        """An attempt succeeded while as many were under way as may be."""
        if started_at >= self._since:
            step = 1.0 if self._exact < self._goal else 1.0 / self._exact
            self._exact = min(max(MOST, self._first), self._exact + step)
            # Thirds do not add up to one exactly.
            self.limit = int(self._exact + 1e-9)

    def timed_out(self, started_at: float, now: float) -> None:
        """An attempt got no answer in time."""
        if started_at >= self._since:
            self._begin(max(1.0, self._exact / 2), now)
            self._goal = self._exact

    def restart(self, now: float) -> None:
        """The endpoint had a rest, and what is known of it is old."""
        self._begin(1.0, now)
        self._goal = float(self._first)

    def _begin(self, exact: float, now: float) -> None:
        self._exact, self._since = exact, now
        self.limit = int(exact)
