"""Lets a worker die by kill -9 at a named place while a load is told: at which pass, led there how, and when it was."""

import random
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from schemas import wire
from schemas.messages import Sweep
from tests.agents.failpoints.groups import GIVING_AWAY, LETTING_GO
from tests.system.kafka_topics import Record, produce
from tests.system.load import Arrival
from tests.system.runs import Run
from tests.system.workers import Worker

OFTEN = {
    **dict.fromkeys(("record-delivered", "record-read", "step-taken", "rows-set", "record-acked"), 250),
    **dict.fromkeys(("definitions-known", "batch-ready", "batch-leaving", "batch-acknowledged"), 100),
    **dict.fromkeys(("batch-applied", "effects-durable", "lane-entered", "attempt-begun"), 60),
    **dict.fromkeys(("connection-open", "request-written", "answer-begun", "reply-known"), 60),
    **dict.fromkeys(("reply-posted", "reply-folded", "record-sent", "emitted-due", "emitted-posted"), 60),
    **dict.fromkeys(("tick-due", "tick-posted"), 20),
    **dict.fromkeys(("offsets-ready", "offsets-committed", "event-sent-on"), 4),
    **dict.fromkeys((*LETTING_GO, *GIVING_AWAY), 2),
}
"""How often a place is passed at least while a load is told; else once. Giving away is the second pass."""

DEATH_SECONDS = 60.0


def drawn_pass(name: str, seed: int) -> int:
    """Which pass of a place is the last one, drawn from the seed."""
    if name in (*LETTING_GO, *GIVING_AWAY):
        return 2
    return random.Random(f"{seed}/{name}").randint(1, OFTEN.get(name, 1))


def armed(name: str, nth: int) -> dict[str, str]:
    """The environment of a worker that dies at the nth pass of a place."""
    return {"POSTCALL_FAILPOINTS": f"{name}=kill@{nth}", "POSTCALL_UNSAFE_TESTING": "1"}


def provoke(run: Run, name: str, told: Sequence[Arrival]) -> None:
    """Bring about what the load does not bring by itself; all partitions get some of it. `told` is some of the load."""
    events = f"{run.setting.prefix}call-events"
    if name == "letter-written":
        produce(run.setting.bootstrap, events, [(b"poison-%d" % n, b"{", []) for n in range(40)])
    if name == "event-sent-on":
        strays: list[Record] = [(b"stray-%d" % n, each.value, []) for n, each in enumerate(told[:100])]
        produce(run.setting.bootstrap, events, strays)
    if name == "slice-swept":
        sweep = wire.message(Sweep(b"", datetime.now(UTC) - timedelta(days=8)))
        keys: list[Record] = [(b"%d" % n, sweep, []) for n in range(40)]
        produce(run.setting.bootstrap, f"{run.setting.name}-internal", keys)


def death(dying: Worker, name: str, seconds: float = DEATH_SECONDS) -> float:
    """Wait until a worker has died where it was to; return when, in seconds since 1970.

    Raises TimeoutError where it did not get there, or ended otherwise.
    """
    until = time.monotonic() + seconds
    while dying.running and time.monotonic() < until:
        time.sleep(0.05)
    log = dying.log.read_text()
    said = re.findall(rf"^failpoint {name}: kill at pass \d+, ([\d.]+)$", log, re.MULTILINE)
    if dying.running or not said or dying.wait() != -9:
        ended = "it runs on" if dying.running else f"exit {dying.wait()}"
        raise TimeoutError(
            f"{dying.name} did not die at {name} within {seconds:.0f} s ({ended}): {log[-2000:]}"
        )
    return float(said[-1])
