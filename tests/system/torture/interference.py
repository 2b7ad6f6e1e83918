"""Does to a run what is done to data and ways rather than to processes: disks, connections, documents, poison, and
what an operator does meanwhile."""

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agents.ledger.topics import read_topics
from tests.system.documents import bad_documents
from tests.system.kafka_topics import produce
from tests.system.poison import poison
from tests.system.spoiling import cut_tables, flip_bytes_of_logs, flip_bytes_of_tables, remove, wipe
from tests.system.tcp_proxy import PRODUCE, TcpProxy
from tests.system.torture.grounds import FaultFailed, Grounds, choose, leave_cleanly
from tests.system.torture.plan import Fault

_LATE_SECONDS = 0.5
_POISONS = 60
_KEYS = 50
_ERASED = 3
_SPOILING: tuple[Callable[[Path], None], ...] = (
    *(cut_tables, flip_bytes_of_logs, flip_bytes_of_tables),
    *(remove("MANIFEST-*"), remove("CURRENT"), wipe),
)


def slow_produce(fault: Fault, grounds: Grounds) -> None:
    """Every answer to a produce is late."""
    proxies = _proxies(grounds)
    for proxy in proxies:
        proxy.delay(_LATE_SECONDS, PRODUCE)
    time.sleep(fault.seconds)
    for proxy in proxies:
        proxy.delay(0, PRODUCE)


def cut(fault: Fault, grounds: Grounds) -> None:
    """No connection of a worker to a broker holds."""
    proxies = _proxies(grounds)
    for proxy in proxies:
        proxy.cut()
    time.sleep(fault.seconds)
    for proxy in proxies:
        proxy.release()


def _proxies(grounds: Grounds) -> list[TcpProxy]:
    return [node.proxy for node in grounds.cluster.nodes if node.proxy is not None]


def wipe_disk(fault: Fault, grounds: Grounds) -> None:
    """A worker comes back without its data directory."""
    worker = choose(fault, grounds)
    leave_cleanly(worker, grounds)
    wipe(worker.folder)
    worker.start()
    grounds.sampler.wanted.add(worker.name)


def spoil_disk(fault: Fault, grounds: Grounds) -> None:
    """A worker comes back with a garbled copy of its rows."""
    worker = choose(fault, grounds)
    leave_cleanly(worker, grounds)
    first = int(fault.luck * 1000) % len(_SPOILING)
    for spoil in (*_SPOILING[first:], *_SPOILING[:first]):
        try:
            spoil(worker.folder)
        except AssertionError:
            continue  # There is nothing of the kind to spoil.
        grounds.tell(f"{getattr(spoil, '__name__', 'removing')} of {worker.name}")
        break
    worker.start()
    grounds.sampler.wanted.add(worker.name)


def apply_bad(fault: Fault, grounds: Grounds) -> None:
    """Records that are no documents get into their topic, and are overwritten by good ones a little later."""
    bootstrap, topic = grounds.cluster.bootstrap, f"{grounds.setting.prefix}workflows"
    bad = bad_documents()
    spoilt = {key for key, _, _ in bad}
    good = read_topics({"bootstrap.servers": bootstrap}, [topic])[topic]
    known = {each.key: each.value for each in good if each.key in spoilt}
    produce(bootstrap, topic, bad)
    time.sleep(fault.seconds)
    # A worker that starts after the topic was compacted would find the bad ones alone.
    produce(bootstrap, topic, [(key, value, []) for key, value in known.items()])


def apply_version(fault: Fault, grounds: Grounds) -> None:
    """The workflow has a new version with one more node."""
    newest = max((each for each in grounds.documents if each["kind"] == "workflow"), key=_version)
    fresh = copy.deepcopy(newest)
    fresh["version"] += 1
    like = next(each for each in fresh["nodes"] if each["id"] == "record_metrics")
    name = f"since_version_{fresh['version']}"
    url = like["url"].replace("record_metrics", name)
    fresh["nodes"].append({**like, "id": name, "url": url})
    fresh["edges"].append({"source": "resolved", "target": name})
    grounds.setting.apply([fresh])
    grounds.documents.append(fresh)
    grounds.tell(f"version {fresh['version']} is in force")


def _version(document: dict[str, Any]) -> int:
    return int(document["version"])


def replay(fault: Fault, grounds: Grounds) -> None:
    """An operator looks at what was given up, and has what is new of it sent again."""
    _command(grounds, "dead-letters", "--json")
    _command(grounds, "replay", "--since", "3m", "--rate", "50")


def erase(fault: Fault, grounds: Grounds) -> None:
    """An operator erases calls that are over."""
    over = grounds.calls_told(before=time.time() - 90)
    first = int(fault.luck * len(over))
    for call_id in over[first : first + _ERASED]:
        _command(grounds, "erase", call_id)
    grounds.tell(f"erased {', '.join(over[first : first + _ERASED]) or 'nobody: no call is over yet'}")


def _command(grounds: Grounds, *words: str) -> None:
    done = grounds.setting.run(*words)
    if done.returncode != 0:
        raise FaultFailed(f"postcall {' '.join(words)} exited {done.returncode}: {done.stderr[-500:]}")


def poison_load(fault: Fault, grounds: Grounds) -> None:
    """Records that are no events, between those of the calls that are told."""
    keys = [call_id.encode() for call_id in grounds.calls_told()[-_KEYS:]]
    records = poison(_POISONS, seed=int(fault.luck * 1_000_000), keys=keys)
    produce(grounds.cluster.bootstrap, f"{grounds.setting.prefix}call-events", records)
