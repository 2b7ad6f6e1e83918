"""The worker's open doors: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever keeps it running.

They say nothing of calls, so they ask for no token, and they look at no Host header: probes come by address.
The console (`agents/web/console/`) is behind the same port, under every other path, with its own guard.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from aiohttp import web

from agents.metrics import CONTENT_TYPE
from agents.web.console.app import Console

Reasons: TypeAlias = Callable[[], Awaitable[list[str]] | list[str]]
"""Why not; empty when all is well."""

Exposition: TypeAlias = Callable[[], Awaitable[bytes] | bytes]

_SHUTDOWN_SECONDS: Final = 2.0


class WebServer:
    """Serves one worker (or the parent of several) from `start` to `stop`."""

    def __init__(
        self,
        exposition: Exposition,
        ready: Reasons,
        alive: Reasons,
        console: Console | None = None,
    ) -> None:
        application = web.Application()
        application.router.add_get("/metrics", _metrics(exposition))
        application.router.add_get("/livez", _probe(alive))
        application.router.add_get("/readyz", _probe(ready))
        self._console = console
        if console is not None:
            console.mount(application)
        # A request line holds `?token=` once; lines of access are the console's own to log.
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        self._site: web.TCPSite | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen, and return the port (port 0 takes a free one). Raises OSError when it is taken."""
        await self._runner.setup()
        self._site = web.TCPSite(self._runner, host, port)
        await self._site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Close the port; answers under way get two seconds."""
        await self._runner.cleanup()
        if self._console is not None:
            await self._console.stop()


_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]


def _metrics(exposition: Exposition) -> _Handler:
    async def answer(_: web.Request) -> web.Response:
        made = exposition()
        body = made if isinstance(made, bytes) else await made
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    return answer


def _probe(reasons: Reasons) -> _Handler:
    async def answer(_: web.Request) -> web.Response:
        made = reasons()
        why_not = made if isinstance(made, list) else await made
        text = "\n".join(why_not) or "ok"
        return web.Response(text=f"{text}\n", status=503 if why_not else 200)

    return answer
