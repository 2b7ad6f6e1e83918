"""Calls shared out to processes: they do not touch each other, so each core can play its own.

What is told comes in the order of the calls, whatever the number of processes. Each tells its shares through
a pipe, which holds some of them and no more, so nothing piles up behind a call that takes long.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from typing import Final, TypeAlias

Tell: TypeAlias = Callable[[range], bytes]
"""What is to be told about some calls, by their places."""

CALLS_A_SHARE: Final = 16
"""So few that a pipe holds some shares: a process seldom waits for another one."""

FEWEST_CALLS: Final = 256
"""Fewer are played sooner than processes are started."""

MOST_PROCESSES: Final = 4
"""Each needs some 30 MiB of its own."""


def told(calls: int, tell: Tell) -> Iterator[bytes]:
    """What `tell` says of all calls, some at a time and in their order, on as many cores as it pays."""
    shares = [range(at, min(at + CALLS_A_SHARE, calls)) for at in range(0, calls, CALLS_A_SHARE)]
    processes = processes_for(calls)
    if processes == 1:
        yield from map(tell, shares)
        return
    with ExitStack() as ending:
        pipes: list[Connection] = []
        for place in range(processes):
            _start(shares[place::processes], tell, pipes, ending)
        for index in range(len(shares)):
            yield pipes[index % processes].recv_bytes()


def processes_for(calls: int) -> int:
    """How many processes it takes. Where they cannot be forked, starting them would cost too much."""
    if calls < FEWEST_CALLS or "fork" not in get_all_start_methods():
        return 1
    return min(os.cpu_count() or 1, MOST_PROCESSES)


def _start(shares: list[range], tell: Tell, pipes: list[Connection], ending: ExitStack) -> None:
    """Start a process, which stops with the pipe at the latest; its pipe joins the others."""
    context = get_context("fork")
    pipe, other_end = context.Pipe()
    pipes.append(pipe)
    started = context.Process(target=_work, args=(shares, tell, other_end, pipes), daemon=True)
    started.start()
    ending.callback(started.join)
    ending.callback(started.terminate)
    other_end.close()


def _work(shares: list[range], tell: Tell, pipe: Connection, not_ours: list[Connection]) -> None:
    # An interrupt is for the process that started this one, which then ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A pipe breaks when its reader is gone only if nobody else holds the reader's end.
    for other in not_ours:
        other.close()
    for share in shares:
        pipe.send_bytes(tell(share))
