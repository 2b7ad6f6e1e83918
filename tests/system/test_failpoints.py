"""One of two workers dies by kill -9 at a named place, under load: nothing is lost, and no more is asked again
than was in flight, nothing of it whose result was written down.

A choice of the places is tried in every run; all of them, each with `SEEDS` draws of the pass, by `make failpoints`.
"""

import os
import time
from pathlib import Path

import pytest

from schemas.failpoints import FAILPOINTS
from tests.agents.failpoints.groups import GIVING_AWAY, LEAVING, LETTING_GO, RECOVERING
from tests.system.brokers import ServedBroker
from tests.system.dying import armed, death, drawn_pass, provoke
from tests.system.load import Mixture
from tests.system.runs import Run, open_run
from tests.system.workers import Worker

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(300)]

SEEDS = int(os.environ.get("SEEDS", "1"))
CHOICE = ("rows-set", "batch-acknowledged", "request-written", "reply-posted", "tenures-rebuilt")
"""Tried in every run."""

ELSEWHERE = ("call-erased", "mark-due", "mark-written", "message-told")
"""No load leads there; `tests/agents/failpoints` does."""


@pytest.mark.parametrize("name", CHOICE)
def test_a_worker_that_dies_at(kafka: ServedBroker, tmp_path: Path, name: str) -> None:
    _die_at(kafka, tmp_path, name, seed=1)


@pytest.mark.failpoints
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
@pytest.mark.parametrize("name", [each for each in FAILPOINTS if each not in ELSEWHERE])
def test_a_worker_that_dies_anywhere(kafka: ServedBroker, tmp_path: Path, name: str, seed: int) -> None:
    _die_at(kafka, tmp_path, name, seed)


def _die_at(kafka: ServedBroker, folder: Path, name: str, seed: int) -> None:
    nth = drawn_pass(name, seed)
    mixture = Mixture(calls=200, seed=seed, seconds=12)
    with open_run(kafka.bootstrap, folder, mixture) as run:
        run.note(f"kill -9 at {name}, pass {nth}")
        dying = _led_there(run, name, armed(name, nth))
        run.fleet.kills.append(death(dying, name))
        dying.start()
        judgement = run.settle()
        assert judgement.violations == ()
        assert judgement.repeats <= judgement.in_flight_at_kills


def _led_there(run: Run, name: str, environment: dict[str, str]) -> Worker:
    """A worker under load that is going to die; another is there, or comes."""
    if name in GIVING_AWAY:
        dying = run.fleet.enlist(**environment)
        dying.wait_ready()
        run.tell()
        time.sleep(5)
        run.fleet.enlist()
        return dying
    run.fleet.add()
    if name in RECOVERING:
        run.tell()
        time.sleep(5)
        return run.fleet.enlist(**environment)
    dying = run.fleet.enlist(**environment)
    if name not in ("definitions-read", "offsets-ready", "offsets-committed"):
        dying.wait_ready()
    run.tell()
    assert run.load is not None
    provoke(run, name, run.load.arrivals)
    if name in (*LEAVING, *LETTING_GO):
        time.sleep(5)
        dying.terminate()
    return dying
