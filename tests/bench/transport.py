"""Requests a second of the transport against aiohttp's own client, on loopback, in one run.

    python -m tests.bench.transport [SECONDS] [IN_FLIGHT]

The receiver is a process of its own. Rows are measured in turn, three rounds, so that what else the
machine does hits all of them; the median counts.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from statistics import median
from typing import NamedTuple

import aiohttp
import httpx
import uvloop

from agents.attempt import Attempts, Outbound
from agents.deliver import Deliver
from agents.errands import Errand
from agents.http.client import Client
from agents.http.guard import Guard
from agents.http.secrets import Secrets
from agents.http.transport import GuardedTransport
from schemas.delivery import Request
from schemas.workflow import Schedule
from streams.egress import egress

ROUNDS = 3
BODY = json.dumps({"text": "x" * 800}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Receiver(asyncio.Protocol):
    """Answers every request of BODY's size; knows just enough HTTP for that."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        """Answer once the body is there."""
        self._read += data
        while (head := self._read.find(b"\r\n\r\n")) >= 0 and len(self._read) >= head + 4 + len(BODY):
            self._read = self._read[head + 4 + len(BODY) :]
            self._transport.write(ANSWER)  # type: ignore[attr-defined]


async def receive() -> None:
    """Serve until killed; the port is the first line of output."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Measured(NamedTuple):
    """Requests a second, and how much of the processor one takes (µs, the receiver's not counted)."""

    rate: float
    cost: float


async def closed_loop(one: Callable[[], Awaitable[object]], seconds: float, in_flight: int) -> Measured:
    """Make requests one after another, so many side by side."""
    until = time.perf_counter() + seconds
    used = time.process_time()
    done = 0

    async def work() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await one()
            done += 1

    await asyncio.gather(*(work() for _ in range(in_flight)))
    return Measured(done / seconds, 1e6 * (time.process_time() - used) / done)


def outbound(url: str) -> Outbound:
    """A signed webhook."""
    request = Request(
        method="POST",
        url=(url,),
        headers=(("content-type", ("application/json",)), ("user-agent", ("postcall/bench",))),
        body=BODY,
        timeout=timedelta(seconds=15),
        retry=Schedule(()),
        secrets=(("whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0",),),
    )
    return Outbound("call-1", "abc", "webhook", 1, url, request, "agent-1")


async def measure(url: str, seconds: float, in_flight: int) -> dict[str, list[Measured]]:
    """All rows, in turn."""
    transport = GuardedTransport(Guard(egress(["127.0.0.1"])))
    attempts = Attempts(Client(transport), Secrets({}), lambda: datetime.now(UTC))
    sent = outbound(url)
    session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), auto_decompress=False)

    async def raw() -> None:
        async with session.post(url, data=BODY, headers={"content-type": "application/json"}) as answer:
            await answer.read()

    async def direct() -> None:
        answer = await transport.handle_async_request(httpx.Request("POST", url, content=BODY))
        await answer.aread()
        await answer.aclose()

    async def whole() -> None:
        reply = await attempts.make(sent)
        assert getattr(reply, "status", None) == 200, reply

    waiting: dict[str, asyncio.Future[None]] = {}

    async def replied(out: Outbound, *_: object) -> None:
        waiting.pop(out.call_id).set_result(None)

    async def yes(_: Outbound) -> bool:
        return True

    deliver = Deliver(attempts.make, replied, yes, lambda: datetime.now(UTC))
    numbers = count()

    async def through_lanes() -> None:
        number = next(numbers)
        over = waiting[str(number)] = asyncio.get_running_loop().create_future()
        # Sixteen lanes of four voice agents.
        errand = Errand(str(number), "abc", "webhook", 1, url, f"agent-{number % 4}", str(number % 16))
        deliver.enter(errand, lambda: sent.request)
        await over

    rows: dict[str, Callable[[], Awaitable[object]]] = {
        "aiohttp, raw": raw,
        "GuardedTransport, called directly": direct,
        "a whole signed attempt": whole,
        "the same through the lanes": through_lanes,
    }
    found: dict[str, list[Measured]] = {name: [] for name in rows}
    for _ in range(ROUNDS):
        for name, one in rows.items():
            found[name].append(await closed_loop(one, seconds, in_flight))
    await session.close()
    await transport.aclose()
    return found


def main() -> None:
    """Start the receiver, measure, print; with UVLOOP=1 on uvloop."""
    if os.environ.get("UVLOOP"):
        uvloop.install()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    in_flight = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    receiver = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.transport", "receive"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert receiver.stdout is not None
        url = f"http://127.0.0.1:{receiver.stdout.readline().strip()}/hook"
        for name, found in asyncio.run(measure(url, seconds, in_flight)).items():
            rate, cost = (median(values) for values in zip(*found, strict=True))
            print(f"{name:36} {rate:8.0f}/s   {cost:6.0f} µs of CPU each")
    finally:
        receiver.kill()
        receiver.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["receive"]:
        asyncio.run(receive())
    else:
        main()
