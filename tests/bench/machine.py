"""What the machine takes: events, calls and deliveries per second, and CPU for each, state durable.

    python -m tests.bench.machine [EVENTS] [ROUNDS] [WORKLOAD ...]

One worker on a real broker, on one core; broker, producer and endpoints have the others. Everything is told at
once to a worker that stands ready; the clock runs until the last event is folded and the last request was made.
"""

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from confluent_kafka import Producer

from tests.bench.parked import cpu
from tests.system.brokers import open_broker
from tests.system.kafka_process import free_ports
from tests.system.kafka_topics import QUIET
from tests.system.workers import Fleet, Setting, Worker

USUAL = {"POSTCALL_SESSION_TIMEOUT": "20s", "POSTCALL_LOST_LIVE": "61m"}
"""As in production; tests of faults have less patience."""

PATIENCE = 120.0
"""Seconds that a run may take."""

Event = dict[str, Any]


class Workload(NamedTuple):
    """What is told of each call, and what comes of it."""

    events: int
    requests: int
    documents: Callable[[int], list[Event]]
    tell: Callable[[str], list[Event]]


class Run(NamedTuple):
    """One run: seconds until all was done, seconds of CPU that it took."""

    seconds: float
    work: float


def _five(call_id: str) -> list[Event]:
    names = {"call_id": call_id, "agent_id": "agent"}
    said = {"variables": {"name": "Ada", "plan": "pro"}}
    return [
        names | {"id": "1", "type": "call.answered", "data": {"from": "+15550100", "to": "+15550111"}},
        names | {"id": "2", "type": "node.entered", "data": {"node_id": "greet"}},
        names | {"id": "3", "type": "variables.updated", "data": said},
        names | {"id": "4", "type": "node.entered", "data": {"node_id": "end"}},
        names | {"id": "5", "type": "call.ended", "data": {"reason": "end_node", "end_node_id": "end"}},
    ]


def _one(call_id: str) -> list[Event]:
    return [{"id": "1", "type": "conversation.started", "call_id": call_id, "agent_id": "agent"}]


def _flow(nodes: list[Event]) -> Event:
    talk = [{"id": "greet", "type": "default"}, {"id": "end", "type": "end_call"}]
    edges = [{"source": "greet", "target": "end"}]
    edges += [{"source": "end", "target": node["id"]} for node in nodes]
    return {"kind": "workflow", "id": "flow", "version": 1, "nodes": talk + nodes, "edges": edges}


def _silent(port: int) -> list[Event]:
    return [_flow([]), {"kind": "agent", "id": "agent", "workflow": "flow"}]


def _busy(port: int) -> list[Event]:
    url = f"http://127.0.0.1:{port}"
    body = {"call": "{{ call.id }}", "name": "{{ variables.name }}", "plan": "{{ variables.plan }}"}
    nodes = [
        {"id": name, "type": "post_call_api", "url": f"{url}/{name}", "body": body}
        for name in ("crm", "metrics", "task")
    ]
    hooks = {kind: {"url": f"{url}/{kind}", "secret": "signing"} for kind in ("call.answered", "call.ended")}
    return [_flow(nodes), {"kind": "agent", "id": "agent", "workflow": "flow", "webhooks": hooks}]


def _hooked(port: int) -> list[Event]:
    hook = {"url": f"http://127.0.0.1:{port}/hook", "secret": "signing"}
    return [{"kind": "agent", "id": "agent", "webhooks": {"conversation.started": hook}}]


WORKLOADS = {
    "events": Workload(5, 0, _silent, _five),
    "calls": Workload(5, 5, _busy, _five),
    "deliveries": Workload(1, 1, _hooked, _one),
}


class Endpoint(asyncio.Protocol):
    """Answers every request at once, and counts them."""

    def __init__(self, count: list[int]) -> None:
        self._count = count

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """One request in one piece: they are small and local."""
        self._count[0] += 1
        self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")  # type: ignore[attr-defined]  # it is one to write to


def serve(port: int, pipe: Connection) -> None:
    """Serve in a process of its own; send the count when asked, end when told."""
    asyncio.run(_serve(port, pipe))


async def _serve(port: int, pipe: Connection) -> None:
    count, loop = [0], asyncio.get_running_loop()
    await loop.create_server(lambda: Endpoint(count), "127.0.0.1", port, backlog=4096)
    pipe.send("listening")
    while await loop.run_in_executor(None, pipe.recv) == "count":
        pipe.send(count[0])


def told(workload: Workload, events: int, prefix: str) -> Iterator[tuple[bytes, bytes]]:
    """All records of a run, the calls interleaved a hundred at a time."""
    calls = events // workload.events
    for first in range(0, calls, 100):
        stories = [workload.tell(f"{prefix}-{number}") for number in range(first, min(first + 100, calls))]
        for step in zip(*stories, strict=True):
            for event in step:
                yield event["call_id"].encode(), json.dumps(event).encode()


def produce(setting: Setting, records: list[tuple[bytes, bytes]]) -> None:
    """Write them all to call-events."""
    producer = Producer(
        {**QUIET, "bootstrap.servers": setting.bootstrap, "linger.ms": 20, "partitioner": "murmur2_random"}
    )
    topic = f"{setting.prefix}call-events"
    for key, value in records:
        while True:
            with suppress(BufferError):
                producer.produce(topic, value, key)
                break
            producer.poll(0.1)
    producer.flush()


def run(bootstrap: str, folder: Path, name: str, events: int) -> Run:
    """One run with topics, worker and endpoint of its own."""
    workload = WORKLOADS[name]
    setting = Setting(bootstrap, f"machine{time.time_ns()}", folder, more=USUAL | _secret())
    (port,) = free_ports(1)
    here, there = multiprocessing.Pipe()
    endpoint = multiprocessing.get_context("spawn").Process(target=serve, args=(port, there), daemon=True)
    endpoint.start()
    here.recv()
    records = list(told(workload, events, setting.name))
    try:
        setting.apply(workload.documents(port))
        with Fleet(setting) as fleet:
            (worker,) = fleet.add()
            _alone(worker.pid)
            began, worked = time.monotonic(), cpu(worker.pid)
            produce(setting, records)
            _wait(worker, here, len(records), len(records) // workload.events * workload.requests)
            return Run(time.monotonic() - began, cpu(worker.pid) - worked)
    finally:
        here.send("end")
        endpoint.join(5)


def _secret() -> dict[str, str]:
    return {"POSTCALL_SECRET_SIGNING": "whsec_" + "c2VjcmV0" * 4}


def _alone(pid: int) -> None:
    """Give a process one core."""
    cores = sorted(os.sched_getaffinity(0))
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores[:1])


def _wait(worker: Worker, pipe: Connection, events: int, requests: int) -> None:
    until, counted, made = time.monotonic() + PATIENCE, 0.0, 0
    while worker.running and time.monotonic() < until:
        pipe.send("count")
        made = pipe.recv()
        series = worker.scrape().items()
        counted = sum(value for name, value in series if name.startswith("postcall_events_total"))
        if made >= requests and counted >= events:
            return
        time.sleep(0.5)
    state = "runs" if worker.running else "ended"
    raise TimeoutError(f"the worker {state}; {counted:.0f} of {events} events, {made} of {requests} requests")


def row(name: str, workload: Workload, events: int, runs: list[Run]) -> str:
    """A row of the table: per second, and milliseconds of CPU for each event and request."""
    calls = events // workload.events
    rates = sorted(events / one.seconds for one in runs)
    cells = f"{rates[0]:10,.0f}{median(rates):10,.0f}{rates[-1]:10,.0f}"
    cells += f"{calls / median(one.seconds for one in runs):10,.0f}"
    work, requests = median(one.work for one in runs), calls * workload.requests
    each = f"{work / requests * 1000:10.3f}" if requests else ""
    return f"{name:12}{cells}{work / events * 1000:10.3f}{each}"


def main(events: int, rounds: int, names: list[str]) -> None:
    """Run all in turns and print the table."""
    runs: dict[str, list[Run]] = {name: [] for name in names}
    with ExitStack() as owner:
        served = open_broker(owner, os.environ)
        print(f"{events} events, {rounds} rounds, on {served.served_by}", flush=True)
        for _ in range(rounds):
            for name in names:
                folder = Path(owner.enter_context(tempfile.TemporaryDirectory()))
                runs[name].append(run(served.bootstrap, folder, name, events))
    heads = ("ev/s min", "median", "max", "calls/s", "CPU ms/ev", "ms/req")
    print(f"{'':12}" + "".join(f"{head:>10}" for head in heads))
    for name in names:
        print(row(name, WORKLOADS[name], events, runs[name]))


if __name__ == "__main__":
    words = sys.argv[1:]
    events, rounds = [*map(int, words[:2]), *(20_000, 3)[len(words[:2]) :]]
    main(events, rounds, words[2:] or list(WORKLOADS))
