"""Whatever an endpoint does, an attempt ends in time, with the right class, in bounded memory."""

import asyncio
import resource
from datetime import timedelta
from time import monotonic

import pytest

from agents.http.client import BODY_AT_MOST
from schemas.delivery import Answered, Class, Keep, Reply, Silence
from streams.judge import classify
from tests.agents.http.builders import attempts, outbound, request, transport
from tests.agents.http.hostile import receiving

DEADLINE = 0.5
SLACK = 1.0
"""Seconds for a busy machine; what hangs, hangs for a minute."""


async def asked(path: str, **fields: object) -> Reply:
    """The reply of a hostile endpoint, which must come in time."""
    began = monotonic()
    async with receiving() as receiver:
        reply = await attempts().make(outbound(request(receiver.url(path), DEADLINE, **fields)))
        assert monotonic() - began < DEADLINE + SLACK
    return reply


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("hang", "timeout"),
        ("unread-hang", "timeout"),
        ("head-drip", "timeout"),
        ("line-flood", "headers_too_large"),
        ("header-flood", "headers_too_large"),
        ("huge-header", "headers_too_large"),
        ("many-headers", "headers_too_large"),
        ("interim", "garbage"),
        ("switch", "garbage"),
        ("garbage", "garbage"),
        ("ssh", "garbage"),
        ("http2", "garbage"),
        ("html", "garbage"),
        ("bad-length", "garbage"),
        ("two-lengths", "garbage"),
        ("half-head", "garbage"),
        ("close", "closed"),
        ("reset", "reset"),
        ("unread-reset", "reset"),
        ("reset-in-head", "reset"),
    ],
)
async def test_an_answer_that_is_none_is_ambiguous(path: str, error: str) -> None:
    reply = await asked(path)
    assert reply == Silence(error, "sent")
    assert classify(reply) is Class.AMBIGUOUS


@pytest.mark.parametrize(
    "path",
    ["drip", "endless", "flood", "gigabyte", "gzip-bomb", "close-in-body", "reset-in-body"],
)
async def test_a_success_stays_one_when_its_body_is_cut_or_late_but_the_body_is_not_used(path: str) -> None:
    assert await asked(path) == Answered(200, complete=False)


@pytest.mark.parametrize("path", ["ok", "until-close", "hints"])
async def test_a_body_that_came_whole_is_kept(path: str) -> None:
    assert await asked(path) == Answered(200, body={})


async def test_a_chunk_that_is_none_spoils_the_body_only() -> None:
    reply = await asked("bad-chunk")
    assert classify(reply) in (Class.SUCCESS, Class.AMBIGUOUS)
    assert getattr(reply, "body", None) is None


async def test_an_answer_before_the_request_was_read_is_an_answer() -> None:
    assert await asked("unread-ok", body=b"x" * 1_000_000) == Answered(200, body={})


async def test_an_empty_answer_is_a_success() -> None:
    assert await asked("no-content") == Answered(204)


async def test_a_body_that_nobody_reads_is_not_waited_for() -> None:
    began = monotonic()
    async with receiving() as receiver:
        reply = await attempts().make(outbound(request(receiver.url("drip"), 10, keep=Keep())))
    assert reply == Answered(200, complete=False)
    assert monotonic() - began < 2


async def test_a_gigabyte_costs_no_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for path in ("gigabyte", "gzip-bomb", "flood"):
        await asked(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024
    assert BODY_AT_MOST == 65_536


async def test_a_redirect_is_not_followed() -> None:
    for path in ("metadata", "metadata-307", "moved", "loop"):
        assert classify(await asked(path)) is Class.REJECTED


async def test_a_redirect_is_followed_where_it_was_asked_for_within_the_origin_only() -> None:
    moved = await asked("moved", redirects=True)
    assert isinstance(moved, Answered)
    assert (moved.status, moved.body["target"], moved.body["body"]) == (200, "/echo", "{}")
    assert classify(await asked("metadata-307", redirects=True)) is Class.REJECTED
    assert classify(await asked("loop", redirects=True)) is Class.REJECTED


async def test_retry_after_and_the_receivers_control_header_are_read() -> None:
    assert await asked("busy") == Answered(503, retry_after=7.0)
    assert await asked("disable") == Answered(400, control="disable")


async def test_nobody_listening_is_unsent() -> None:
    async with receiving() as receiver:
        url = receiver.url("ok")
    assert await attempts().make(outbound(request(url))) == Silence("refused", "unsent")


async def test_a_connection_that_is_never_accepted_is_unsent() -> None:
    # The documentation range is not routed: the connection is refused at once or never made.
    reply = await attempts(transport("192.0.2.1")).make(outbound(request("http://192.0.2.1/", 0.3)))
    assert reply in (Silence("connect_timeout", "unsent"), Silence("refused", "unsent"))


async def test_no_cookie_is_kept() -> None:
    async with receiving() as receiver:
        sender = attempts()
        for path in ("cookie", "echo"):
            await sender.make(outbound(request(receiver.url(path))))
    assert "cookie" not in receiver.asked[-1].headers


async def test_a_hanging_endpoint_does_not_keep_its_connection() -> None:
    async with receiving() as receiver:
        sender = attempts()
        assert await sender.make(outbound(request(receiver.url("hang"), 0.1))) == Silence("timeout", "sent")
        assert isinstance(await sender.make(outbound(request(receiver.url("ok")))), Answered)
    assert receiver.connections == 2


async def test_an_attempt_that_is_given_up_leaves_nothing_behind() -> None:
    async with receiving() as receiver:
        task = asyncio.create_task(attempts().make(outbound(request(receiver.url("hang"), 30))))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert request("http://a/", 30).timeout == timedelta(seconds=30)
