"""From the last needed event in Kafka to the first byte of the request, on an idle worker.

    python -m tests.bench.latency [CALLS] [PER_SECOND]

One worker on a real broker (the ladder of the tests finds it). Each call ends with a terminal event
that names its End Call node, so it is decided at once (R2). The clock starts when Kafka has
acknowledged that event, and stops when the receiver has read the head of the first request of the
call. Beside it, in the same run, the floor of what any consumer could do: a plain aiokafka consumer
that reads the same event.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.system.brokers import open_broker
from tests.system.workers import Fleet, Setting

WARM_UP = 40
"""Calls that are not counted: each partition's first record takes the clients' longest way."""


class Receiver(asyncio.Protocol):
    """Answers every request at once, and remembers when the first one of each call came."""

    first: ClassVar[dict[str, float]] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """One request in one piece: they are small and local."""
        for line in data.split(b"\r\n"):
            if line.lower().startswith(b"postcall-call-id: "):
                self.first.setdefault(line.split(b": ", 1)[1].decode(), time.monotonic())
        self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")  # type: ignore[attr-defined]


def documents(port: int) -> list[dict[str, Any]]:
    """A workflow with one node on its only End Call node."""
    url = f"http://127.0.0.1:{port}/node"
    nodes = [
        {"id": "greet", "type": "default"},
        {"id": "end", "type": "end_call"},
        {"id": "crm", "type": "post_call_api", "url": url, "body": {"call": "{{ call.id }}"}},
    ]
    edges = [{"source": "greet", "target": "end"}, {"source": "end", "target": "crm"}]
    return [
        {"kind": "workflow", "id": "flow", "version": 1, "nodes": nodes, "edges": edges},
        {"kind": "agent", "id": "agent", "workflow": "flow"},
    ]


async def measure(setting: Setting, calls: int, per_second: float) -> tuple[list[float], list[float]]:
    """Seconds of each call from acknowledgement to request, and to a plain consumer."""
    topic = f"{setting.prefix}call-events"
    acknowledged: dict[str, float] = {}
    plain: dict[str, float] = {}
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=setting.bootstrap, group_id=None)
    producer = AIOKafkaProducer(bootstrap_servers=setting.bootstrap)
    await consumer.start()
    await producer.start()
    reading = asyncio.create_task(_read(consumer, plain))
    try:
        for number in range(WARM_UP + calls):
            call_id = f"call-{number}"
            await producer.send_and_wait(
                topic, _event(call_id, "node.entered", node_id="greet"), call_id.encode()
            )
            ended = _event(call_id, "call.ended", reason="end_node", end_node_id="end")
            await producer.send_and_wait(topic, ended, call_id.encode())
            acknowledged[call_id] = time.monotonic()
            await asyncio.sleep(1 / per_second)
        await asyncio.sleep(1)
    finally:
        reading.cancel()
        await producer.stop()
        await consumer.stop()
    counted = list(acknowledged)[WARM_UP:]
    requests = [Receiver.first[one] - acknowledged[one] for one in counted]
    return requests, [max(0.0, plain[one] - acknowledged[one]) for one in counted]


async def _read(consumer: AIOKafkaConsumer, came: dict[str, float]) -> None:
    async for record in consumer:
        if b"call.ended" in (record.value or b""):
            came[(record.key or b"").decode()] = time.monotonic()


def _event(call_id: str, kind: str, **data: str) -> bytes:
    event = {"id": kind, "type": kind, "call_id": call_id, "agent_id": "agent", "data": data}
    return json.dumps(event).encode()


def told(name: str, seconds: list[float]) -> str:
    """A row of the table, in milliseconds."""
    ordered = sorted(seconds)
    shown = [ordered[int(len(ordered) * share)] for share in (0, 0.5, 0.9, 0.99)] + [ordered[-1]]
    return f"{name:32}" + "".join(f"{one * 1000:9.1f}" for one in shown)


async def main(calls: int, per_second: float) -> None:
    """Run once and print the table."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with ExitStack() as owner:
        served = await asyncio.to_thread(open_broker, owner, os.environ)
        folder = Path(owner.enter_context(tempfile.TemporaryDirectory()))
        setting = Setting(served.bootstrap, f"bench{int(time.time())}", folder)
        fleet = owner.enter_context(Fleet(setting))
        await asyncio.to_thread(setting.apply, documents(port))
        await asyncio.to_thread(fleet.add, 1)
        requests, plain = await measure(setting, calls, per_second)
        print(f"{calls} calls, {per_second:g} a second, on {served.served_by}; milliseconds")
        print(f"{'':32}" + "".join(f"{name:>9}" for name in ("min", "p50", "p90", "p99", "max")))
        print(told("acknowledged -> request", requests))
        print(told("acknowledged -> plain consumer", plain))


if __name__ == "__main__":
    asyncio.run(
        main(*(int(word) for word in sys.argv[1:2] or ["300"]), *(float(w) for w in sys.argv[2:3] or ["20"]))
    )
