"""The doors answer with reasons, to GET and HEAD only, and to nobody's name in particular."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from agents.metrics import Metrics
from agents.web.server import WebServer


@asynccontextmanager
async def serving(server: WebServer) -> AsyncIterator[str]:
    port = await server.start("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop()


async def ask(url: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as answer:
        return answer.status, await answer.text()


def doors(ready: list[str] | None = None, alive: list[str] | None = None) -> WebServer:
    return WebServer(Metrics().exposition, lambda: ready or [], lambda: alive or [])


async def test_a_worker_that_is_well_says_ok() -> None:
    async with serving(doors()) as url:
        assert await ask(f"{url}/livez") == (200, "ok\n")
        assert await ask(f"{url}/readyz") == (200, "ok\n")


async def test_a_probe_that_fails_gives_every_reason() -> None:
    async with serving(doors(ready=["not assigned", "recovering"], alive=["no heartbeat"])) as url:
        assert await ask(f"{url}/readyz") == (503, "not assigned\nrecovering\n")
        assert await ask(f"{url}/livez") == (503, "no heartbeat\n")


async def test_metrics_come_in_prometheus_text_format() -> None:
    async with (
        serving(doors()) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/metrics") as answer,
    ):
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert 'postcall_events_total{result="applied"} 0.0' in await answer.text()


@pytest.mark.parametrize("path", ["metrics", "livez", "readyz"])
async def test_head_is_answered_like_get_without_the_body(path: str) -> None:
    async with serving(doors(ready=["recovering"])) as url:
        status, body = await ask(f"{url}/{path}")
        assert body != ""
        assert await ask(f"{url}/{path}", "HEAD") == (status, "")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_nothing_that_would_change_something_is_answered(method: str) -> None:
    async with serving(doors()) as url:
        assert (await ask(f"{url}/livez", method))[0] == 405


async def test_probes_by_any_host_name_are_answered() -> None:
    async with serving(doors()) as url:
        assert (await ask(f"{url}/readyz", Host="10.1.2.3"))[0] == 200


async def test_there_is_nothing_else_behind_the_port() -> None:
    async with serving(doors()) as url:
        assert (await ask(f"{url}/"))[0] == 404
        assert (await ask(f"{url}/table"))[0] == 404
