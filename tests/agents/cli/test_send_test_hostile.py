"""Whatever an endpoint does, `send-test` ends in time with the right class, and in less than 200 MB.

Every row is a process of its own, as an operator would start it.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from schemas.delivery import Class
from tests.agents.cli.sending import Sent, send_test
from tests.agents.http.certificates import Authority
from tests.agents.http.faults import ALL, CUT, HEADERS, REDIRECTS, SILENCES, STATUSES, Row
from tests.agents.http.hostile import receiving
from tests.agents.http.sockets import accepting, closes, drips, hangs, never_accepting

DEADLINE, SLACK = 1.0, 1.5
MEMORY = 200 * 1024 * 1024
AT_ONCE = 3

UNSENT = [
    Row("http://no-such-name.invalid/", Class.UNSENT, None, "dns"),
    Row("http://127.0.0.1:1/", Class.UNSENT, None, "refused"),
]


def wrong(row: Row, sent: Sent) -> str | None:
    """What a process did that it should not have; None where all is as it must be."""
    report = sent.report
    found = (Class(report["class"]), report["status"], report["error"])
    if found != (row.class_, row.status, row.error):
        return f"found {found}; expected {row[1:]}"
    if sent.code != (0 if row.class_ is Class.SUCCESS else 1):
        return f"found exit code {sent.code}"
    if report["seconds"] > DEADLINE + SLACK:
        return f"took {report['seconds']} s"
    return f"took {sent.peak >> 20} MiB" if sent.peak >= MEMORY else None


async def faults(rows: dict[str, Row], **variables: str) -> dict[str, str]:
    """What went wrong, by URL."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(url: str) -> Sent:
        async with turns:
            return await send_test(url, "--json", "--timeout", f"{DEADLINE}s", **variables)

    sent = await asyncio.gather(*map(one, rows))
    complaints = {url: wrong(rows[url], each) for url, each in zip(rows, sent, strict=True)}
    return {url: complaint for url, complaint in complaints.items() if complaint}


CLASSES = [
    next(row for row in STATUSES if row.class_ is each) for each in {row.class_: row for row in STATUSES}
]
"""A status of each class; that every status has its class is seen without a process for each."""

GREEDY = ("gigabyte", "terabyte", "gzip-bomb", "flood", "huge-chunk", "huge-header", "header-flood", "hang")


async def test_what_wants_memory_or_time_gets_neither() -> None:
    async with receiving() as receiver:
        rows = {receiver.url(row.path): row for row in ALL if row.path in GREEDY}
        assert len(rows) == len(GREEDY)
        assert await faults(rows) == {}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_class_and_every_fault_is_told_as_what_it_is() -> None:
    async with receiving() as receiver:
        rows = {
            receiver.url(row.path): row for row in (*CLASSES, *HEADERS[::3], *REDIRECTS[::3], *SILENCES, *CUT)
        }
        rows |= {row.path: row for row in UNSENT}
        assert await faults(rows) == {}


@asynccontextmanager
async def bad_tls(folder: Path) -> AsyncIterator[dict[str, Row]]:
    """URLs whose handshake fails, each in its way."""
    authority = Authority(folder)
    servers: list[ssl.SSLContext] = [
        authority.issue("unknown", "localhost").server(),
        authority.issue("expired", "localhost", days=-1).server(),
        authority.issue("other", "elsewhere.example").server(),
        authority.self_signed().server(),
        authority.issue("asks", "localhost").server(authority.cert),
    ]
    rows: dict[str, Row] = {}
    async with (
        receiving(servers[0]) as first,
        receiving(servers[1]) as second,
        receiving(servers[2]) as third,
        receiving(servers[3]) as fourth,
        receiving(servers[4]) as fifth,
        accepting(closes) as closing,
        accepting(hangs) as hanging,
        accepting(drips) as dripping,
    ):
        for receiver in (first, second, third, fourth, fifth):
            rows[receiver.url("ok", "https", "localhost")] = Row("", Class.UNSENT, None, "tls")
        rows[f"https://127.0.0.1:{closing}/"] = Row("", Class.UNSENT, None, "tls")
        for port in (hanging, dripping):
            rows[f"https://127.0.0.1:{port}/"] = Row("", Class.UNSENT, None, "connect_timeout")
        yield rows


@pytest.mark.slow
async def test_a_handshake_that_fails_or_hangs_is_unsent(tmp_path: Path) -> None:
    async with bad_tls(tmp_path) as rows:
        assert await faults(rows, POSTCALL_EGRESS_ALLOW="127.0.0.0/8") == {}


async def test_a_connection_that_is_never_made_is_unsent() -> None:
    with never_accepting() as port:
        url = f"http://127.0.0.1:{port}/"
        assert await faults({url: Row("", Class.UNSENT, None, "connect_timeout")}) == {}
