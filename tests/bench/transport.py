"""Requests a second of the transport against aiohttp and against stock httpx, on loopback, in one run.

    [UVLOOP=1] python -m tests.bench.transport [SECONDS] [IN_FLIGHT] [ROUNDS]

The receiver is a process of its own, every body 1 KiB, every connection kept alive, every guard on. Rows are
measured in turn, round after round, so that what else the machine does hits all of them. A rate by the
clock is what one gets here and now; the processor's time for each request is what it takes on any machine
with nothing else to do, and 1 s of it is the rate on a core of its own.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import count
from statistics import median
from typing import Final, NamedTuple, TypeAlias

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
from agents.worker import utc_now
from schemas.delivery import Request
from schemas.workflow import Schedule
from streams.egress import egress

ROUNDS = 5
BODY = json.dumps({"text": "x" * 1012}).encode()
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


One: TypeAlias = Callable[[], Awaitable[object]]


class Measured(NamedTuple):
    """Requests a second by the clock, and a second of this process's own processor time."""

    by_clock: float
    by_core: float


async def closed_loop(one: One, seconds: float, in_flight: int) -> Measured:
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
    return Measured(done / seconds, done / (time.process_time() - used))


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


@asynccontextmanager
async def stock(url: str) -> AsyncIterator[One]:
    """httpx as it comes, its pool as large as it is asked to be."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits) as client:

        async def one() -> None:
            (await client.post(url, content=BODY)).raise_for_status()

        yield one


@asynccontextmanager
async def raw(url: str) -> AsyncIterator[One]:
    """aiohttp's own client, nothing guarded."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as session:

        async def one() -> None:
            async with session.post(url, data=BODY, headers={"content-type": "application/json"}) as answer:
                await answer.read()

        yield one


@asynccontextmanager
async def guarded() -> AsyncIterator[GuardedTransport]:
    """The worker's transport, opened for loopback."""
    transport = GuardedTransport(Guard(egress(["127.0.0.1"])))
    yield transport
    await transport.aclose()


@asynccontextmanager
async def direct(url: str) -> AsyncIterator[One]:
    """The transport alone, called as httpx would."""
    async with guarded() as transport:

        async def one() -> None:
            answer = await transport.handle_async_request(httpx.Request("POST", url, content=BODY))
            await answer.aread()
            await answer.aclose()

        yield one


@asynccontextmanager
async def attempt(url: str) -> AsyncIterator[One]:
    """A whole attempt as a worker makes it: prepared, signed, guarded, read within its limits."""
    async with guarded() as transport:
        attempts, sent = Attempts(Client(transport), Secrets({}), utc_now), outbound(url)

        async def one() -> None:
            reply = await attempts.make(sent)
            assert getattr(reply, "status", None) == 200, reply

        yield one


@asynccontextmanager
async def through_lanes(url: str) -> AsyncIterator[One]:
    """The same from sixteen lanes of four voice agents."""
    async with guarded() as transport:
        attempts, sent = Attempts(Client(transport), Secrets({}), utc_now), outbound(url)
        waiting: dict[str, asyncio.Future[None]] = {}
        numbers = count()

        async def replied(out: Outbound, *_: object) -> None:
            waiting.pop(out.call_id).set_result(None)

        async def yes(_: Outbound) -> bool:
            return True

        deliver = Deliver(attempts.make, replied, yes, utc_now)

        async def one() -> None:
            number = next(numbers)
            over = waiting[str(number)] = asyncio.get_running_loop().create_future()
            errand = Errand(str(number), "abc", "webhook", 1, url, f"agent-{number % 4}", str(number % 16))
            deliver.enter(errand, lambda: sent.request)
            await over

        yield one
        await deliver.close()


ROWS: Final = {
    "httpx, stock": stock,
    "aiohttp, raw": raw,
    "GuardedTransport, called directly": direct,
    "a whole signed attempt": attempt,
    "the same through the lanes": through_lanes,
}


async def measure(url: str, seconds: float, in_flight: int, rounds: int) -> dict[str, list[Measured]]:
    """All rows, in turn, round after round."""
    found: dict[str, list[Measured]] = {name: [] for name in ROWS}
    async with AsyncExitStack() as open_:
        rows = {name: await open_.enter_async_context(row(url)) for name, row in ROWS.items()}
        for _ in range(rounds):
            for name, one in rows.items():
                found[name].append(await closed_loop(one, seconds, in_flight))
    return found


def show(found: dict[str, list[Measured]]) -> None:
    """A line a row: what the clock says and what a core would do; then the ratios that matter."""
    print(f"{'requests/s: min, median, max':36} {'by the clock':>24} {'by a core':>26}")
    for name, each in found.items():
        columns = (sorted(values) for values in zip(*each, strict=True))
        shown = (f"{min(one):7.0f} {median(one):8.0f} {max(one):7.0f}" for one in columns)
        print(f"{name:36} {'   '.join(shown)}")
    for name in ("httpx, stock", "aiohttp, raw"):
        pairs = list(zip(found["a whole signed attempt"], found[name], strict=True))
        for word, place in (("clock", 0), ("core", 1)):
            ratios = [ours[place] / theirs[place] for ours, theirs in pairs]
            shown = f"{min(ratios):.2f} {median(ratios):.2f} {max(ratios):.2f}"
            print(f"a whole attempt / {name}, by the {word}: {shown}")


def main() -> None:
    """Start the receiver, measure, print."""
    if os.environ.get("UVLOOP"):
        uvloop.install()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    in_flight = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else ROUNDS
    receiver = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.transport", "receive"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert receiver.stdout is not None
        url = f"http://127.0.0.1:{receiver.stdout.readline().strip()}/hook"
        show(asyncio.run(measure(url, seconds, in_flight, rounds)))
    finally:
        receiver.kill()
        receiver.wait()


if __name__ == "__main__":
    if sys.argv[1:] == ["receive"]:
        asyncio.run(receive())
    else:
        main()
