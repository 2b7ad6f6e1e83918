"""A worker that dies at any of its failpoints is followed by one that does all that is owed, and nothing else."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.demo.broker import EmbeddedBroker
from agents.demo.receiver import Script
from schemas import keys
from schemas.failpoints import FAILPOINTS
from schemas.messages import Erase, Sweep
from tests.agents.failpoints.forks import Forks
from tests.agents.failpoints.groups import GIVING_AWAY, LEAVING, LETTING_GO, RECOVERING
from tests.agents.failpoints.stage import Stage, long_ago, open_stage, until
from tests.agents.failpoints.told import CALLS, FAILING, PROPER
from tests.failpoints_page import HITS, places

FAILED = ("mark-due", "mark-written")
OTHERS = ("call-erased", "slice-swept", "message-told")
pytestmark = pytest.mark.timeout(240)

CRASHING = (
    *("step-taken", "batch-acknowledged", "effects-durable", "request-written", "reply-known", "record-sent"),
    *("emitted-due", "tick-due"),
)
LIVING = [
    each
    for each in FAILPOINTS
    if each not in (*RECOVERING, *LEAVING, *LETTING_GO, *GIVING_AWAY, *FAILED, *OTHERS)
]

PASSES = {
    "record-delivered": 9,
    "record-read": 5,
    "definitions-known": 7,
    "step-taken": 6,
    "rows-set": 11,
    "record-acked": 8,
    "reply-folded": 2,
    "event-sent-on": 2,
    "batch-ready": 3,
    "batch-leaving": 4,
    "batch-acknowledged": 3,
    "batch-applied": 4,
    "effects-durable": 2,
    "lane-entered": 3,
    "attempt-begun": 2,
    "connection-open": 4,
    "request-written": 3,
    "answer-begun": 2,
    "reply-known": 3,
    "reply-posted": 2,
    "record-sent": 3,
    "emitted-due": 2,
    "emitted-posted": 2,
    "tick-due": 2,
    "tick-posted": 2,
}
"""At which pass a worker dies; else at the first. Something is done by then, and something not."""


@pytest.fixture(scope="session")
def broker() -> Iterator[EmbeddedBroker]:
    """One broker for all of them; it lives here, and keeps its topics whatever dies."""
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Whatever is loaded once."""
    with Forks() as running:
        yield running


def _kill(name: str, nth: int | None = None) -> str:
    return f"{name}=kill@{nth or PASSES.get(name, 1)}"


async def _proven(stage: Stage, name: str) -> None:
    """A worker that follows on the same directory does what is owed."""
    accounts = await stage.accounts(stage.start())
    assert accounts.faults == [], name


@pytest.mark.parametrize("name", LIVING)
async def test_nothing_is_lost_by_a_worker_that_dies_at(
    broker: EmbeddedBroker, forks: Forks, tmp_path: Path, name: str
) -> None:
    async with open_stage(broker, forks, tmp_path) as stage:
        stage.tell(CALLS)
        await stage.died(stage.start(_kill(name)), name)
        await _proven(stage, name)


@pytest.mark.parametrize("name", RECOVERING)
async def test_nothing_is_lost_by_a_worker_that_dies_while_it_takes_over_at(
    broker: EmbeddedBroker, forks: Forks, tmp_path: Path, name: str
) -> None:
    async with open_stage(broker, forks, tmp_path) as stage:
        stage.tell(CALLS)
        first = stage.start()
        await stage.requested(3)
        stage.deaths.append(first.kill())
        await stage.died(stage.start(_kill(name), data="another"), name)
        accounts = await stage.accounts(stage.start(data="another"))
        assert accounts.faults == []


@pytest.mark.parametrize("name", [*LEAVING, *LETTING_GO])
async def test_nothing_is_lost_by_a_worker_that_dies_while_it_leaves_at(
    broker: EmbeddedBroker, forks: Forks, tmp_path: Path, name: str
) -> None:
    async with open_stage(broker, forks, tmp_path) as stage:
        stage.tell(CALLS)
        # A group's first member lets go of nothing when it joins.
        leaving = stage.start(_kill(name, 2 if name in LETTING_GO else 1))
        await stage.requested(2)
        leaving.send(signal.SIGTERM)
        await stage.died(leaving, name)
        await _proven(stage, name)


@pytest.mark.parametrize("name", GIVING_AWAY)
async def test_nothing_is_lost_by_a_worker_that_dies_while_another_joins_at(
    broker: EmbeddedBroker, forks: Forks, tmp_path: Path, name: str
) -> None:
    async with open_stage(broker, forks, tmp_path) as stage:
        stage.tell(CALLS)
        first = stage.start(_kill(name, 2))
        await stage.requested(2)
        second = stage.start(data="another")
        await stage.died(first, name)
        accounts = await stage.accounts(second)
        assert accounts.faults == []


@pytest.mark.parametrize("name", FAILED)
async def test_an_endpoint_that_fails_is_given_up_whether_or_not_its_mark_is_written(
    broker: EmbeddedBroker, forks: Forks, tmp_path: Path, name: str
) -> None:
    async with open_stage(broker, forks, tmp_path) as stage:
        stage.tell({"c-failing": FAILING})
        await stage.died(stage.start(_kill(name)), name)
        await _proven(stage, name)


async def test_a_call_is_erased_by_the_worker_after_the_one_that_died_of_it(
    broker: EmbeddedBroker, forks: Forks, tmp_path: Path
) -> None:
    async with open_stage(broker, forks, tmp_path) as stage:
        stage.tell(CALLS)
        dying = stage.start("call-erased=kill@1")
        before = await stage.accounts(dying)
        assert [key for key in before.rows if key.startswith(keys.parts("c-proper"))] != []
        stage.say(Erase("c-proper"))
        await stage.died(dying, "call-erased")
        after = await stage.accounts(stage.start())
        while [key for key in after.rows if key.startswith(keys.parts("c-proper"))]:
            await asyncio.sleep(0.1)
            after = await stage.look()
        assert after.faults == []


async def test_a_sweep_is_ended_by_the_worker_after_the_one_that_died_of_it(
    broker: EmbeddedBroker, forks: Forks, tmp_path: Path
) -> None:
    async with open_stage(broker, forks, tmp_path) as stage:
        stage.tell(CALLS)
        dying = stage.start("slice-swept=kill@1")
        before = await stage.accounts(dying)
        assert [key for key in before.rows if key.startswith(keys.SETTLED)] != []
        stage.say(Sweep(b"", long_ago()))
        await stage.died(dying, "slice-swept")
        after = await stage.accounts(stage.start())
        while after.rows:
            await asyncio.sleep(0.1)
            after = await stage.look()
        assert after.faults == []


async def test_a_replay_that_died_is_said_again_and_sends_nothing_twice(
    broker: EmbeddedBroker, forks: Forks, tmp_path: Path
) -> None:
    command = ("replay", "--reason", "rejected", "--rate", "1000")
    proper = [call for call, kind in CALLS.items() if kind == PROPER]
    async with open_stage(broker, forks, tmp_path) as stage:
        stage.tell(CALLS)
        await stage.accounts(stage.start())
        stage.receiver._script = Script()
        await stage.died(stage.start("message-told=kill@1", command=command), "message-told")
        await until(lambda: len(stage.answers("/node/refused")) == len(proper) + 1, "one that is sent again")
        again = stage.start(command=command)
        await until(lambda: again.code == 0, "the end of the command", again.log)
        await until(lambda: len(stage.answers("/node/refused")) >= 2 * len(proper), "all that is sent again")
        await asyncio.sleep(0.5)
        assert sorted(stage.answers("/node/refused")) == [200] * len(proper) + [404] * len(proper)


@pytest.mark.parametrize("name", CRASHING)
async def test_a_worker_that_crashes_is_followed_by_one_that_does_the_rest_at(
    broker: EmbeddedBroker, forks: Forks, tmp_path: Path, name: str
) -> None:
    async with open_stage(broker, forks, tmp_path) as stage:
        stage.tell(CALLS)
        await stage.died(stage.start(f"{name}=raise@{PASSES[name]}"), name, "raise")
        await _proven(stage, name)


@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_waits_anywhere_nothing_is_repeated(
    broker: EmbeddedBroker, forks: Forks, tmp_path: Path, seed: int
) -> None:
    waiting = [each.name for each in places() if HITS[each.function] == "what passes"]
    async with open_stage(broker, forks, tmp_path) as stage:
        stage.tell(CALLS)
        worker = stage.start(",".join(f"{name}=delay:30ms@p=0.3:{seed}" for name in waiting))
        accounts = await stage.accounts(worker)
        assert accounts.faults == []
        assert worker.log.read_text().count("\nfailpoint ") > 50


def test_every_failpoint_has_its_test() -> None:
    tried = (*LIVING, *RECOVERING, *LEAVING, *LETTING_GO, *GIVING_AWAY, *FAILED, *OTHERS)
    assert sorted(tried) == sorted(FAILPOINTS)
    assert set(PASSES) <= set(FAILPOINTS)
