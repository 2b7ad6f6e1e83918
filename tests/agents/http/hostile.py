"""A receiver on loopback that misbehaves as its path asks, such as `/drip`, `/reset` and `/gigabyte`."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.agents.http.behaviours import BEHAVIOURS, Asked, Behaviour


@dataclass
class Receiver:
    """The running server: its port, and what it was asked."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    stop: Callable[[], None] = lambda: None
    """Accept no more connections."""

    def url(self, path: str, scheme: str = "http", host: str = "127.0.0.1") -> str:
        """A URL of this server."""
        return f"{scheme}://{host}:{self.port}/{path}"


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None, **behaviours: Behaviour) -> AsyncIterator[Receiver]:
    """Serve until the block ends; `behaviours` are added to the known ones."""
    receiver = Receiver(behaviours=BEHAVIOURS | behaviours)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        receiver.connections += 1
        try:
            await _serve(receiver, receiver.connections, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    receiver.stop = server.close
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(
    receiver: Receiver, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    while head := await reader.readuntil(b"\r\n\r\n"):
        line, *rest = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest if one)
        }
        asked = Asked(method, target, headers, b"", number)
        receiver.asked.append(asked)
        name = target.strip("/").partition("?")[0].partition("/")[0]
        if not name.startswith("unread"):
            asked.body = await reader.readexactly(int(headers.get("content-length", 0)))
        await receiver.behaviours[name](reader, writer, asked)
        await writer.drain()
