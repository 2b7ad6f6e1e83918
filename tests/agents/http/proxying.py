"""A forward proxy on loopback: CONNECT and absolute-form, each as it was asked for."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class ForwardProxy:
    """The running proxy. `leads_to` is where every name leads; `answer` is said instead of forwarding."""

    leads_to: int
    port: int = 0
    answer: bytes | None = None
    heads: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The request lines."""
        return [head.splitlines()[0] for head in self.heads]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head.decode())
        if self.answer is not None:
            writer.write(self.answer)
            await writer.drain()
            writer.close()
            return
        there, onward = await asyncio.open_connection("127.0.0.1", self.leads_to)
        if head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n")
            onwards = _pour(reader, onward)
        else:
            onwards = self._rewrite(head.decode(), reader, onward)
        await asyncio.gather(onwards, _pour(there, writer))

    async def _rewrite(self, head: str, reader: asyncio.StreamReader, onward: asyncio.StreamWriter) -> None:
        """Hand each request of a connection on, its target as an origin wants it."""
        while True:
            method, target, version = head.splitlines()[0].split(" ")
            parts = urlsplit(target)
            path = f"{parts.path}{'?' if parts.query else ''}{parts.query}"
            length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
            body = await reader.readexactly(int(length[1]) if length else 0)
            onward.write(head.replace(f"{method} {target} {version}", f"{method} {path} {version}").encode())
            onward.write(body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while part := await source.read(65536):
            target.write(part)
            await target.drain()
    except OSError:
        pass
    target.close()


@asynccontextmanager
async def proxying(leads_to: int, answer: bytes | None = None) -> AsyncIterator[ForwardProxy]:
    """Serve until the block ends."""
    proxy = ForwardProxy(leads_to, answer=answer)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await proxy.serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
