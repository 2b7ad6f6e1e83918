"""Start the app under our own loop, and end it: by our word, or with its crash.

Faust's `Worker` takes SIGTERM and stops at once. Once it has, flush and produce are gone ("Producer
service not yet started"), so an engine that wants to drain must own the signal. `App.start()` alone
installs no handler, touches no logging, and is all that the worker does beside.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from agents import failpoints
from agents.kafka.app import App

log = logging.getLogger(__name__)

STOP_PATIENCE = 20.0
"""Seconds that a stop may take: flush, commit, leave, close."""

CRASH_PATIENCE = 3.0
"""Seconds that a stop after a crash may take; services of a crashed app wait for each other."""

STALL_LOOK = 5.0
"""Seconds between two looks at the watchdog."""

STALL_GRACE = 30.0
"""Seconds for which `/livez` may fail before the worker ends by itself."""


class Stalled(RuntimeError):
    """The worker was alive and did nothing."""


async def run(app: App, stop: asyncio.Event) -> None:
    """Run the app until `stop` is set, then flush, commit and stop it.

    The caller installs its own signal handlers, drains on SIGTERM while the worker is still a member,
    and sets `stop` at the end of it. The consumer's thread keeps the process alive when a stop fails:
    leave with `os._exit` after an exception.

    Raises:
        BaseException: whatever any service of the app crashed with. Nothing is committed then.
        Stalled: the watchdog saw no life for longer than its limit.
    """
    started = asyncio.create_task(app.start(), name="start")
    ends: set[asyncio.Task[Any]] = {
        asyncio.create_task(stop.wait(), name="stop"),
        asyncio.create_task(app.wait_until_stopped(), name="crash"),
        asyncio.create_task(_stall(app), name="stall"),
    }
    try:
        await asyncio.wait({started, *ends}, return_when=asyncio.FIRST_COMPLETED)
        if started.done():
            started.result()
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        _raise_crash(app, ends)
        await app.flush()
        await failpoints.hit_async("stop-flushed")
        await app.commit_now()
        await failpoints.hit_async("stop-committed")
    finally:
        for task in (started, *ends):
            task.cancel()
        await _stop(app)
    _raise_crash(app, ends)


def _raise_crash(app: App, ends: set["asyncio.Task[Any]"]) -> None:
    if app.crash_reason is not None:
        raise app.crash_reason
    for task in ends:
        if task.done() and not task.cancelled():
            task.result()


async def _stall(app: App) -> None:
    """Return never; raise when the worker was stuck for the limit and the grace."""
    while True:
        await asyncio.sleep(STALL_LOOK)
        why = app.stalled(app.watchdog.now() - STALL_GRACE)
        if why is not None:
            raise Stalled(why)


async def _stop(app: App) -> None:
    patience = STOP_PATIENCE if app.crash_reason is None else CRASH_PATIENCE
    try:
        with suppress(asyncio.CancelledError):
            await asyncio.wait_for(app.stop(), patience)
    except TimeoutError:
        log.critical("the app did not stop within %.0f s", patience)
