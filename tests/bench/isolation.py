"""Whether endpoints that hang delay the others: the test that the peers were put to.

    python -m tests.bench.isolation [ENDPOINTS] [HANGING] [PER_SECOND] [SECONDS] [ROUNDS]

One worker on a real broker. Every endpoint is a voice agent's webhook at an address of its own; those that
hang take a request and never answer, so that each attempt lasts its whole time-out of 15 s. The clock of an
event starts when it is handed to the producer and stops when the endpoint has read the head of its request.
Undisturbed and disturbed runs take turns in one go; what is compared is the same healthy endpoints.
"""

import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from tests.bench.parked import cpu
from tests.system.brokers import open_broker
from tests.system.kafka_process import free_ports
from tests.system.workers import Fleet, Setting, Worker

EVENT = "conversation.started"
USUAL = {"POSTCALL_SESSION_TIMEOUT": "20s", "POSTCALL_LOST_LIVE": "61m"}
"""As in production; tests of faults have less patience."""

WARM_UP = 5.0
"""Seconds whose events are not counted."""

LATEST = 20.0
"""Seconds after the last event for which healthy endpoints are waited for."""


class Load(NamedTuple):
    """How many endpoints there are, how many of them hang, and what they are told."""

    endpoints: int
    hanging: int
    per_second: float
    seconds: float


class Run(NamedTuple):
    """What one run came to; seconds and bytes."""

    told: int
    delivered: int
    latencies: list[float]
    memory: list[int]
    lag: float
    work: float
    """Seconds of the worker's CPU an event."""
    states: dict[str, float]


class Endpoint(asyncio.Protocol):
    """Every endpoint; one whose path is /hang never answers. Notes when each call's request came."""

    def __init__(self, came: dict[str, float]) -> None:
        self._came = came

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """One request in one piece: they are small and local."""
        if data.startswith(b"POST /hang"):
            return
        _, found, rest = data.partition(b"postcall-call-id: ")
        if found:
            self._came.setdefault(rest.partition(b"\r\n")[0].decode(), time.monotonic())
        self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")  # type: ignore[attr-defined]  # it is one to write to


def serve(port: int, pipe: Connection) -> None:
    """Serve all endpoints in a process of their own; send what came when asked, end when told."""
    asyncio.run(_serve(port, pipe))


async def _serve(port: int, pipe: Connection) -> None:
    came: dict[str, float] = {}
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Endpoint(came), "0.0.0.0", port, backlog=4096)
    pipe.send("listening")
    while await loop.run_in_executor(None, pipe.recv) == "what came":
        pipe.send(came)


def documents(load: Load, port: int, disturbed: bool) -> list[dict[str, Any]]:
    """A voice agent for each endpoint; the first ones are those that hang."""
    listed = []
    for number in range(load.endpoints):
        path = "hang" if disturbed and number < load.hanging else "ok"
        url = f"http://127.1.{number // 250}.{number % 250 + 1}:{port}/{path}"
        listed.append({"kind": "agent", "id": f"agent-{number}", "webhooks": {EVENT: {"url": url}}})
    return listed


class Told(NamedTuple):
    """When each event was told, the worker's memory every second, the worst lag, its CPU an event."""

    at: dict[str, float]
    memory: list[int]
    lag: float
    work: float


async def tell(setting: Setting, load: Load, worker: Worker) -> Told:
    """Tell all events at their pace."""
    producer = AIOKafkaProducer(bootstrap_servers=setting.bootstrap, linger_ms=0)
    await producer.start()
    told: dict[str, float] = {}
    memory, lag = [], 0.0
    began, worked = time.monotonic(), cpu(worker.pid)
    last_look = began
    for number in range(int(load.per_second * load.seconds)):
        await asyncio.sleep(max(0.0, began + number / load.per_second - time.monotonic()))
        call_id = f"{setting.name}-{number}"
        event = {"id": "1", "type": EVENT, "call_id": call_id, "agent_id": f"agent-{number % load.endpoints}"}
        told[call_id] = time.monotonic()
        await producer.send(f"{setting.prefix}call-events", json.dumps(event).encode(), call_id.encode())
        if time.monotonic() - last_look > 1:
            last_look = time.monotonic()
            scraped = await asyncio.to_thread(worker.scrape)
            lag = max(lag, scraped["postcall_event_lag_seconds"])
            memory.append(_memory(worker))
    await producer.stop()
    return Told(told, memory, lag, (cpu(worker.pid) - worked) / len(told))


def _memory(worker: Worker) -> int:
    pages = int(Path(f"/proc/{worker.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def run(bootstrap: str, folder: Path, load: Load, disturbed: bool) -> Run:
    """One run with topics, worker and endpoints of its own."""
    setting = Setting(bootstrap, f"iso{int(time.time())}", folder, more=USUAL)
    (port,) = free_ports(1)
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    endpoints = context.Process(target=serve, args=(port, there), daemon=True)
    endpoints.start()
    try:
        await asyncio.to_thread(here.recv)
        await asyncio.to_thread(setting.apply, documents(load, port, disturbed))
        with Fleet(setting) as fleet:
            (worker,) = await asyncio.to_thread(fleet.add, 1)
            told = await tell(setting, load, worker)
            healthy = _healthy(told.at, load)
            came = await _came(here, healthy)
            states = {name: value for name, value in worker.scrape().items() if "_endpoints{" in name}
    finally:
        here.send("end")
        endpoints.join(5)
        endpoints.terminate()
    counted = [one for one in healthy if told.at[one] - min(told.at.values()) > WARM_UP]
    latencies = sorted(came[one] - told.at[one] for one in counted if one in came)
    return Run(len(counted), len(latencies), latencies, told.memory, told.lag, told.work, states)


def _healthy(told: dict[str, float], load: Load) -> list[str]:
    """The calls of those endpoints that hang in no run."""
    return [one for one in told if int(one.rpartition("-")[2]) % load.endpoints >= load.hanging]


async def _came(pipe: Connection, wanted: list[str]) -> dict[str, float]:
    until = time.monotonic() + LATEST
    while True:
        pipe.send("what came")
        came: dict[str, float] = await asyncio.to_thread(pipe.recv)
        if time.monotonic() > until or all(one in came for one in wanted):
            return came
        await asyncio.sleep(1)


def row(name: str, one: Run) -> str:
    """A row of the table."""
    shares = [one.latencies[int(len(one.latencies) * share)] * 1000 for share in (0.5, 0.9, 0.99)]
    quarter = max(1, len(one.memory) // 4)
    grown = median(one.memory[-quarter:]) / median(one.memory[quarter : 2 * quarter])
    cells = [*shares, one.latencies[-1] * 1000]
    return (
        f"{name:14}{one.delivered / one.told:8.2%}"
        + "".join(f"{cell:9.1f}" for cell in cells)
        + f"{max(one.memory) / 1e6:9.0f}{grown:9.2f}{one.lag:8.2f}{one.work * 1000:8.2f}  {_shown(one.states)}"
    )


def _shown(states: dict[str, float]) -> str:
    return " ".join(f"{name.split(chr(34))[1]}={value:g}" for name, value in states.items())


async def main(load: Load, rounds: int) -> None:
    """Run both in turns and print the table."""
    ratios = []
    with ExitStack() as owner:
        served = await asyncio.to_thread(open_broker, owner, os.environ)
        print(f"{load}, on {served.served_by}; the healthy endpoints, milliseconds")
        heads = ("p50", "p90", "p99", "max", "MB", "4th/2nd", "lag s", "CPU ms")
        print(f"{'':14}{'came':>8}" + "".join(f"{head:>9}" for head in heads), flush=True)
        for _ in range(rounds):
            worst = []
            for name, disturbed in (("undisturbed", False), ("disturbed", True)):
                folder = Path(owner.enter_context(tempfile.TemporaryDirectory()))
                one = await run(served.bootstrap, folder, load, disturbed)
                print(row(name, one), flush=True)
                worst.append(one.latencies[int(len(one.latencies) * 0.99)])
            ratios.append(worst[1] / worst[0])
    print(f"p99 disturbed / undisturbed: {', '.join(f'{one:.2f}' for one in ratios)}")


if __name__ == "__main__":
    given = [float(word) for word in sys.argv[1:]]
    endpoints, hanging, rate, span, rounds = [*given, *(50, 10, 200, 60, 3)[len(given) :]]
    asyncio.run(main(Load(int(endpoints), int(hanging), rate, span), int(rounds)))
