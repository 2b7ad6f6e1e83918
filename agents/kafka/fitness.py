"""Whether this worker may still commit."""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class Unfit(RuntimeError):
    """Something was lost on the way to Kafka; committing now would make the loss final."""


class Fitness:
    """Fit until the first refused produce or failed write, and never again.

    Faust logs a refused produce as a warning and commits the source offset all the same. Here the
    offset stays where it is, the worker stops, and its successor reads the same messages again.
    """

    def __init__(self) -> None:
        self._reason: BaseException | None = None
        self._told: Callable[[BaseException], None] = lambda reason: None

    def tell(self, told: Callable[[BaseException], None]) -> None:
        """Call `told` once, when the worker becomes unfit."""
        self._told = told

    def lost(self, what: str, reason: BaseException) -> None:
        """Note that `what` did not reach Kafka or the disk, because of `reason`."""
        if self._reason is None:
            log.critical("%s was lost, the worker stops: %r", what, reason)
            self._reason = reason
            self._told(reason)

    @property
    def fit(self) -> bool:
        """True while nothing was lost."""
        return self._reason is None

    def check(self) -> None:
        """Raise `Unfit` when something was lost."""
        if self._reason is not None:
            raise Unfit(f"nothing may be committed any more: {self._reason!r}") from self._reason
