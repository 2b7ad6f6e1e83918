"""Does to a run what its plan says: kills, freezes, leavings and brokers that go away."""

import time
from collections.abc import Callable

from tests.system.kafka_process import KafkaProcess
from tests.system.torture import interference
from tests.system.torture.grounds import Grounds, choose, leave_cleanly
from tests.system.torture.plan import Fault, victim


def commit(fault: Fault, grounds: Grounds) -> None:
    """Do one fault, from its beginning to its end; the workers may still be catching up afterwards."""
    DEEDS[fault.kind.name](fault, grounds)


def _kill(fault: Fault, grounds: Grounds) -> None:
    worker = choose(fault, grounds)
    grounds.sampler.wanted.discard(worker.name)
    grounds.fleet.kill(worker)
    grounds.sampler.wanted.add(worker.name)


def _kill_all(fault: Fault, grounds: Grounds) -> None:
    running = grounds.running
    grounds.sampler.wanted.clear()
    for worker in running:
        grounds.fleet.kills.append(worker.kill())
    time.sleep(fault.seconds)
    for worker in running:
        worker.start()
        grounds.sampler.wanted.add(worker.name)


def _restart(fault: Fault, grounds: Grounds) -> None:
    worker = choose(fault, grounds)
    leave_cleanly(worker, grounds)
    worker.start()
    grounds.sampler.wanted.add(worker.name)


def _freeze(fault: Fault, grounds: Grounds) -> None:
    worker = choose(fault, grounds)
    grounds.fleet.freeze(worker, fault.seconds)


def _join(fault: Fault, grounds: Grounds) -> None:
    resting = [worker for worker in grounds.fleet.workers if not worker.running]
    if resting:
        resting[0].start()
        resting[0].wait_ready()
        grounds.sampler.wanted.add(resting[0].name)
    else:
        grounds.sampler.wanted.add(grounds.fleet.add()[0].name)


def _leave(fault: Fault, grounds: Grounds) -> None:
    if len(grounds.running) > 2:
        leave_cleanly(choose(fault, grounds), grounds)
    else:
        grounds.tell("only two workers are left: none leaves")


def _kill_brokers(fault: Fault, grounds: Grounds) -> None:
    grounds.cluster.kill()
    time.sleep(fault.seconds)
    grounds.cluster.start()


def _kill_broker(fault: Fault, grounds: Grounds) -> None:
    node = _node(fault, grounds)
    node.kill()
    time.sleep(fault.seconds)
    node.start()
    grounds.cluster.wait_ready()


def _roll_brokers(fault: Fault, grounds: Grounds) -> None:
    for node in grounds.cluster.nodes:
        grounds.cluster.restart(node)
        time.sleep(1)


DEEDS: dict[str, Callable[[Fault, Grounds], None]] = {
    "kill -9 of a worker": _kill,
    "kill -9 of all workers": _kill_all,
    "SIGTERM and restart of a worker": _restart,
    "SIGSTOP of a worker past its session": _freeze,
    "a worker joins": _join,
    "a worker leaves": _leave,
    "kill -9 of all brokers": _kill_brokers,
    "kill -9 of one broker of three": _kill_broker,
    "rolling restart of the brokers": _roll_brokers,
    "every write half a second late": interference.slow_produce,
    "all connections to brokers cut": interference.cut,
    "a worker comes back with a wiped disk": interference.wipe_disk,
    "a worker comes back with a spoilt disk": interference.spoil_disk,
    "bad documents": interference.apply_bad,
    "a new version of the workflow": interference.apply_version,
    "an operator replays": interference.replay,
    "an operator erases": interference.erase,
    "poison among the events": interference.poison_load,
}


def _node(fault: Fault, grounds: Grounds) -> KafkaProcess:
    nodes = {str(node.number): node for node in grounds.cluster.nodes}
    chosen = nodes[victim(fault, sorted(nodes))]
    grounds.tell(f"it is broker {chosen.number}")
    return chosen
