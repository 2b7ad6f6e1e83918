"""A proxy in front of a broker that can be slow, silent or cut, for tests of what workers make of that.

It runs in a thread of its own, so that tests may call it from anywhere. It knows where a request and a reply
of Kafka's protocol begin, and can slow the replies of one kind of request alone (`PRODUCE`).
"""

import asyncio
import struct
import threading
from collections.abc import Coroutine
from typing import Any

PRODUCE = 0
FETCH = 1
OFFSET_COMMIT = 8
HEARTBEAT = 12

_LENGTH = struct.Struct(">i")
_REQUEST = struct.Struct(">hhi")


class TcpProxy:
    """Listens on `port` and passes everything to `target` and back, until told otherwise."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._delays: dict[int | None, float] = {}
        self._connections: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp-proxy", daemon=True)
        self._thread.start()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = int(self._server.sockets[0].getsockname()[1])

    def delay(self, seconds: float, request: int | None = None) -> None:
        """Hold every reply back so long, or those to one kind of request; 0 ends it."""
        self._delays[request] = seconds

    def hold(self) -> None:
        """Pass nothing on in either direction; connections stay open."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def release(self) -> None:
        """End what `hold` and `cut` began."""
        self._refusing = False
        self._loop.call_soon_threadsafe(self._flowing.set)

    def cut(self) -> None:
        """Break every connection, and each new one at once, until `release`."""
        self._refusing = True
        self._run(self._break())

    def close(self) -> None:
        """Break every connection and stop listening."""
        self._server.close()
        self._run(self._break())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _break(self) -> None:
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._connections.add(serving)
        try:
            if not self._refusing:
                await self._join(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # One side went away, or the test cut it: either way the other side is closed below.
        finally:
            self._connections.discard(serving)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, downstream = await asyncio.open_connection(*self._target)
        kinds: dict[int, int] = {}
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pass_requests(reader, downstream, kinds))
                both.create_task(self._pass_replies(upstream, writer, kinds))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            downstream.close()

    async def _pass_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kinds: dict[int, int]
    ) -> None:
        while True:
            frame = await _frame(reader)
            await self._flowing.wait()
            kind, _, correlation = _REQUEST.unpack_from(frame, _LENGTH.size)
            kinds[correlation] = kind
            writer.write(frame)
            await writer.drain()

    async def _pass_replies(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kinds: dict[int, int]
    ) -> None:
        while True:
            frame = await _frame(reader)
            (correlation,) = _LENGTH.unpack_from(frame, _LENGTH.size)
            await asyncio.sleep(
                max(self._delays.get(kinds.pop(correlation, -1), 0), self._delays.get(None, 0))
            )
            await self._flowing.wait()
            writer.write(frame)
            await writer.drain()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    length = await reader.readexactly(_LENGTH.size)
    return length + await reader.readexactly(_LENGTH.unpack(length)[0])
