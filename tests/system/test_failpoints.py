"""One of two workers dies by kill -9 at a named place, under load: nothing is lost, and no more is asked again
than was in flight, nothing of it whose result was written down.

A choice of the places is tried in every run; all of them, each with `SEEDS` draws of the pass, by `make failpoints`.
"""

import os
import random
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas import wire
from schemas.failpoints import FAILPOINTS
from schemas.messages import Sweep
from tests.agents.failpoints.groups import GIVING_AWAY, LEAVING, LETTING_GO, RECOVERING
from tests.system.brokers import ServedBroker
from tests.system.kafka_topics import produce
from tests.system.load import Mixture
from tests.system.runs import Run, open_run
from tests.system.workers import Worker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SEEDS = int(os.environ.get("SEEDS", "1"))
CHOICE = ("rows-set", "batch-acknowledged", "request-written", "reply-posted", "tenures-rebuilt")
"""Tried in every run."""

ELSEWHERE = ("call-erased", "mark-due", "mark-written", "message-told")
"""No load leads there; `tests/agents/failpoints` does."""

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
"""How often a place is passed at least while the load is told; else once. Giving away is the second pass."""

DEATH_SECONDS = 60.0


@pytest.mark.parametrize("name", CHOICE)
def test_a_worker_that_dies_at(kafka: ServedBroker, tmp_path: Path, name: str) -> None:
    _die_at(kafka, tmp_path, name, seed=1)


@pytest.mark.failpoints
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
@pytest.mark.parametrize("name", [each for each in FAILPOINTS if each not in ELSEWHERE])
def test_a_worker_that_dies_anywhere(kafka: ServedBroker, tmp_path: Path, name: str, seed: int) -> None:
    _die_at(kafka, tmp_path, name, seed)


def _die_at(kafka: ServedBroker, folder: Path, name: str, seed: int) -> None:
    nth = 2 if name in (*LETTING_GO, *GIVING_AWAY) else _drawn(name, seed)
    mixture = Mixture(calls=200, seed=seed, seconds=12)
    with open_run(kafka.bootstrap, folder, mixture) as run:
        run.note(f"kill -9 at {name}, pass {nth}")
        dying = _led_there(run, name, f"{name}=kill@{nth}")
        run.fleet.kills.append(_death(dying, name))
        dying.start()
        judgement = run.settle()
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


def _drawn(name: str, seed: int) -> int:
    return random.Random(f"{seed}/{name}").randint(1, OFTEN.get(name, 1))


def _led_there(run: Run, name: str, order: str) -> Worker:
    """A worker under load that is going to die; another is there, or comes."""
    armed = {"POSTCALL_FAILPOINTS": order, "POSTCALL_UNSAFE_TESTING": "1"}
    if name in GIVING_AWAY:
        dying = run.fleet.enlist(**armed)
        dying.wait_ready()
        run.tell()
        time.sleep(5)
        run.fleet.enlist()
        return dying
    run.fleet.add()
    if name in RECOVERING:
        run.tell()
        time.sleep(5)
        return run.fleet.enlist(**armed)
    dying = run.fleet.enlist(**armed)
    if name not in ("definitions-read", "offsets-ready", "offsets-committed"):
        dying.wait_ready()
    run.tell()
    _provoke(run, name)
    if name in (*LEAVING, *LETTING_GO):
        time.sleep(5)
        dying.terminate()
    return dying


def _provoke(run: Run, name: str) -> None:
    """What the load does not bring by itself; all partitions get some of it."""
    assert run.load is not None
    events = f"{run.setting.prefix}call-events"
    if name == "letter-written":
        produce(run.setting.bootstrap, events, [(b"poison-%d" % n, b"{", []) for n in range(40)])
    if name == "event-sent-on":
        told = run.load.arrivals[:100]
        strays = [(b"stray-%d" % n, each.value, []) for n, each in enumerate(told)]
        produce(run.setting.bootstrap, events, strays)
    if name == "slice-swept":
        sweep = wire.message(Sweep(b"", datetime.now(UTC) - timedelta(days=8)))
        keys = [(b"%d" % n, sweep, []) for n in range(40)]
        produce(run.setting.bootstrap, f"{run.setting.name}-internal", keys)


def _death(dying: Worker, name: str) -> float:
    """When it died, in seconds since 1970."""
    until = time.monotonic() + DEATH_SECONDS
    while dying.running and time.monotonic() < until:
        time.sleep(0.05)
    log = dying.log.read_text()
    said = re.search(rf"^failpoint {name}: kill at pass \d+, ([\d.]+)$", log, re.MULTILINE)
    assert said is not None, log[-2000:]
    assert dying.wait() == -9
    return float(said[1])
