"""Endpoints that misbehave before there is any request: at accept, in the handshake, or by not accepting."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from tests.agents.http.behaviours import reset

Act = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def resets(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset a connection as soon as it stands."""
    reset(writer)


async def closes(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close a connection as soon as it stands."""
    writer.close()


async def half_a_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset a connection in the middle of the request."""
    await reader.read(10)
    reset(writer)


async def hangs(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Accept and say nothing: for TLS, a handshake that never ends."""
    await asyncio.sleep(60)


async def drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A TLS handshake record that never comes to its end."""
    writer.write(b"\x16\x03\x03\x3f\xff")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def speaks_first(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An answer before anything was asked."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    await asyncio.sleep(60)


@asynccontextmanager
async def accepting(act: Act) -> AsyncIterator[int]:
    """Serve until the block ends; the port."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await act(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def never_accepting() -> Iterator[int]:
    """A listener whose backlog is full: a further connection is never made. The port."""
    with contextlib.ExitStack() as open_:
        listener = open_.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            filler = open_.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]
