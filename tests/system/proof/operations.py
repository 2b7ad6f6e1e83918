"""The matrix: what is done to workers and brokers in the midst of a load, and which promise it is held to."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from agents.demo.receiver import Rule, Script
from schemas.failpoints import FAILPOINTS
from tests.agents.failpoints.groups import GIVING_AWAY, LEAVING, LETTING_GO
from tests.system.dying import armed, death, drawn_pass, provoke
from tests.system.proof.scene import Failed, Freeze, Scene
from tests.system.runs import behaviour
from tests.system.workers import Worker

GROUPS: Final = {
    "clean": "lost 0, phantom 0, repeated 0",
    "crashes": "lost 0, phantom 0; repeated: at most what the dead had in flight, nothing whose result was durable",
    "failpoints": "the same, for a worker that dies at any place of docs/failpoints.md",
    "zombies": "the same; no row goes back, and no request starts once the lease has run out",
}
"""What every group of operations is held to."""

ELSEWHERE: Final = ("call-erased", "message-told")
"""An operator leads there; `tests/agents/failpoints` does."""

_PROVOKED: Final = ("letter-written", "event-sent-on", "slice-swept")
_MARKED: Final = {"mark-due": "/hook/call.ended", "mark-written": "/hook/call.premature"}
"""Which endpoint fails, so that it is marked as failing."""
_BACK_SECONDS: Final = 60.0
_LAST_WORKER: Final = 2
"""A worker leaves only where one is left."""

Deed: TypeAlias = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the matrix; `deed` raises Failed."""

    name: str
    group: str
    deed: Deed
    brokers: bool = False
    """Whether it is done to brokers: those who tell the calls are held up as well, and nobody else may be there."""


def _restart(scene: Scene) -> None:
    _leave_and_come_back(scene.drawn())


def _roll(scene: Scene) -> None:
    for worker in scene.running:
        _leave_and_come_back(worker)


def _leave_and_come_back(worker: Worker) -> None:
    _leave(worker)
    worker.start()
    worker.wait_ready()


def _leave(worker: Worker) -> None:
    worker.terminate()
    if (code := worker.wait()) != 0:
        raise Failed(f"{worker.name} ended with {code} after SIGTERM; expected 0")


def _join(scene: Scene) -> None:
    resting = [worker for worker in scene.run.fleet.workers if not worker.running]
    if resting:
        scene.resting.discard(resting[0].name)
        resting[0].start()
        resting[0].wait_ready()
    else:
        scene.run.fleet.add()


def _leave_for_good(scene: Scene) -> None:
    if len(scene.running) < _LAST_WORKER:
        _join(scene)
    leaving = scene.drawn()
    scene.resting.add(leaving.name)
    _leave(leaving)
    for worker in scene.running:
        worker.wait_ready()


def _kill_one(scene: Scene) -> None:
    worker = scene.drawn()
    scene.died(worker, worker.kill())
    worker.start()
    worker.wait_ready()


def _kill_all(scene: Scene) -> None:
    workers = scene.running
    for worker in workers:
        scene.died(worker, worker.kill())
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.wait_ready()


def _roll_brokers(scene: Scene) -> None:
    for node in scene.cluster.nodes:
        scene.cluster.restart(node)
        time.sleep(1)


def _kill_one_broker(scene: Scene) -> None:
    node = scene.dice.choice(scene.cluster.nodes)
    node.kill()
    time.sleep(scene.dice.uniform(2, 6))
    node.start()
    scene.cluster.wait_ready()


def _kill_all_brokers(scene: Scene) -> None:
    scene.cluster.kill()
    time.sleep(scene.dice.uniform(0, 3))
    scene.cluster.start()


def _freeze(scene: Scene) -> None:
    worker = scene.drawn()
    since = time.time()
    scene.died(worker, since)
    worker.pause()
    time.sleep(scene.dice.uniform(7.5, 10))
    worker.resume()
    thawed = time.time()
    scene.freezes.append(Freeze(worker.name, since, thawed, _landless(worker, thawed)))


def _landless(worker: Worker, thawed: float) -> float:
    """Until when a worker that woke up says that it has no partitions or no lease; one that gives up starts again."""
    landless, until = thawed, thawed + _BACK_SECONDS
    while (now := time.time()) < until:
        status, why = worker.get("/readyz")
        if status == 200:
            break
        if not worker.running:
            if (code := worker.wait()) != 75:
                raise Failed(
                    f"{worker.name} ended with {code} after it had stood still; expected 75, or none"
                )
            worker.start()
        if status == 0 or any(words in why for words in ("no partitions", "no heartbeat", "expelled")):
            landless = now
        time.sleep(0.03)
    else:
        raise Failed(f"{worker.name} was not ready {_BACK_SECONDS:.0f} s after it went on")
    if landless == thawed:
        raise Failed(f"{worker.name} said ready right after it had stood still past its session")
    return landless


def _die(name: str, scene: Scene) -> None:
    """The second worker dies at a place; it is started again by the next operation, or in the end. With an even seed
    it is a static member, which comes back to its own partitions."""
    first, *others = scene.run.fleet.workers
    environment = armed(name, drawn_pass(name, scene.seed))
    if scene.seed % 2 == 0:
        environment["POSTCALL_INSTANCE_ID"] = "the-one-that-dies"
    dying = others[0] if others else scene.run.fleet.enlist(**environment)
    if others:
        scene.resting.discard(dying.name)
        dying.start(**environment)
    try:
        _lead(name, scene, first, dying)
        scene.died(dying, death(dying, name))
        scene.resting.add(dying.name)
    except TimeoutError as fault:
        scene.resting.add(dying.name)
        dying.terminate()
        dying.wait()
        raise Failed(str(fault)) from fault
    finally:
        scene.run.receiver.behave(behaviour(scene.run.mixture.seed))


def _lead(name: str, scene: Scene, first: Worker, dying: Worker) -> None:
    if name in (*LEAVING, *LETTING_GO, *GIVING_AWAY, *_PROVOKED, *_MARKED):
        dying.wait_ready()
    provoke(scene.run, name, scene.waves.arrivals)
    if name in _MARKED:
        usual = behaviour(scene.run.mixture.seed)
        failing = Rule(path=_MARKED[name], failure_rate=1.0, failure_status=503)
        scene.run.receiver.behave(Script((failing, *usual.rules), usual.seed))
    if name in (*LEAVING, *LETTING_GO):
        time.sleep(1)
        dying.terminate()
    if name in GIVING_AWAY:
        _leave_and_come_back(first)


OPERATIONS: Final = {
    each.name: each
    for each in (
        Operation("SIGTERM and restart", "clean", _restart),
        Operation("rolling restart", "clean", _roll),
        Operation("a worker joins", "clean", _join),
        Operation("a worker leaves", "clean", _leave_for_good),
        Operation("rolling restart of the brokers", "clean", _roll_brokers, brokers=True),
        Operation("kill -9 of one worker", "crashes", _kill_one),
        Operation("kill -9 of all workers", "crashes", _kill_all),
        Operation("kill -9 of one broker of three", "crashes", _kill_one_broker, brokers=True),
        Operation("kill -9 of all brokers", "crashes", _kill_all_brokers, brokers=True),
        Operation("SIGSTOP past the session", "zombies", _freeze),
        *(Operation(name, "failpoints", partial(_die, name)) for name in FAILPOINTS if name not in ELSEWHERE),
    )
}
