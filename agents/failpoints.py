"""Failing on purpose, at named places, for tests: `POSTCALL_FAILPOINTS`.

At each place stands one call, of `hit` where nothing else may run meanwhile, of `hit_async` in a coroutine: there a
hang or delay holds up only what passes, while in a `hit` it holds up the whole loop. Without an armed
failpoint both do nothing; call them through the module, which `arm` changes.
"""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import count
from typing import Final, assert_never

from schemas.failpoints import Order

_FOR_EVER: Final = 1e6
"""Seconds."""


class FailpointHit(RuntimeError):
    """Stands for a defect at this place."""


def _nothing(name: str) -> None:
    """No failpoint is armed."""


async def _nothing_async(name: str) -> None:
    """No failpoint is armed."""


hit: Callable[[str], None] = _nothing
"""Pass a place in plain code."""

hit_async: Callable[[str], Awaitable[None]] = _nothing_async
"""Pass a place in a coroutine."""


def arm(ordered: Iterable[Order]) -> None:
    """Make this process fail as ordered; of no orders nothing changes."""
    armed = _Armed(ordered)
    if armed.points:
        here = sys.modules[__name__]
        here.hit, here.hit_async = armed.hit, armed.hit_async  # type: ignore[attr-defined]  # its own names


class _Point:
    """One order, and how often its place was passed."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._passes = count(1)
        self._dice = random.Random(order.seed)  # noqa: S311  it keeps no secret

    def comes_true(self) -> bool:
        """Whether it is this pass; said on stderr before anything happens."""
        order, number = self.order, next(self._passes)
        if order.nth not in (None, number):
            return False
        if order.chance is not None and self._dice.random() >= order.chance:
            return False
        said = f"failpoint {order.name}: {order.action} at pass {number}, {time.time():.3f}\n"
        os.write(sys.stderr.fileno(), said.encode())
        return True


class _Armed:
    """The failpoints of this process."""

    def __init__(self, ordered: Iterable[Order]) -> None:
        self.points: dict[str, list[_Point]] = {}
        for order in ordered:
            self.points.setdefault(order.name, []).append(_Point(order))

    def hit(self, name: str) -> None:
        """Do what is ordered for this pass; nothing else runs in this thread meanwhile."""
        for seconds in self._waits(name):
            time.sleep(seconds)

    async def hit_async(self, name: str) -> None:
        """Do what is ordered for this pass; others run meanwhile."""
        for seconds in self._waits(name):
            await asyncio.sleep(seconds)

    def _waits(self, name: str) -> Iterator[float]:
        for point in self.points.get(name, ()):
            if point.comes_true():
                yield _seconds(point.order)


def _seconds(order: Order) -> float:
    """How long to wait there, if the place is ever left."""
    match order.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
            return _FOR_EVER  # it may take the kernel a moment
        case "raise":
            raise FailpointHit(f"the failpoint {order.name}")
        case "hang":
            return _FOR_EVER
        case "delay":
            return order.delay.total_seconds()
        case other:
            assert_never(other)
