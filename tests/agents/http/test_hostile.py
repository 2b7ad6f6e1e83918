"""Whatever an endpoint does, an attempt ends in time, with the right class, in bounded memory."""

import asyncio
import resource
from datetime import timedelta
from time import monotonic

import pytest

from agents.http.client import BODY_AT_MOST
from schemas.delivery import Answered, Class, Keep, Reply, Silence
from streams.judge import classify, judge
from tests.agents.http.behaviours import OK, Asked, Behaviour
from tests.agents.http.builders import attempts, outbound, request, transport
from tests.agents.http.faults import CUT, HEADERS, REDIRECTS, SILENCES, STATUSES, WHOLE, Row
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


def named(row: Row) -> str:
    return row.path


def said(reply: Reply) -> tuple[Class, int | None, str | None]:
    judgement = judge(reply, "node")
    return judgement.class_, reply.status if isinstance(reply, Answered) else None, judgement.error


@pytest.mark.parametrize("row", [*STATUSES, *HEADERS, *REDIRECTS], ids=named)
async def test_every_answer_is_in_its_row_of_the_table(row: Row) -> None:
    assert said(await asked(row.path)) == row[1:]


@pytest.mark.parametrize("row", SILENCES, ids=named)
async def test_an_answer_that_is_none_is_ambiguous(row: Row) -> None:
    reply = await asked(row.path)
    assert reply == Silence(row.error or "", "sent")
    assert classify(reply) is Class.AMBIGUOUS


@pytest.mark.parametrize("row", CUT, ids=named)
async def test_a_success_stays_one_when_its_body_is_cut_or_late_but_the_body_is_not_used(row: Row) -> None:
    assert await asked(row.path) == Answered(200, complete=False)


@pytest.mark.parametrize("row", WHOLE, ids=named)
async def test_a_body_that_came_whole_is_kept(row: Row) -> None:
    assert await asked(row.path) == Answered(200, body={})


async def test_how_long_to_wait_is_read_as_seconds_or_a_date_at_most_an_hour_and_garbage_is_ignored() -> None:
    for wanted, seconds in (("7", 7.0), ("soon", None), ("-5", None), ("9" * 20, 3600.0), ("1.5", 1.5)):
        reply = await asked(f"answer/503?retry-after={wanted}")
        assert isinstance(reply, Answered)
        assert reply.retry_after == seconds
    reply = await asked("answer/503?retry-after=Wed,%2021%20Oct%202099%2007:28:00%20GMT")
    assert isinstance(reply, Answered)
    assert reply.retry_after == 3600.0


async def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_ones() -> None:
    async with receiving(late=after_the_answer(OK.replace(b"{}", b"[]"))) as receiver:
        sender = attempts()
        assert await sender.make(outbound(request(receiver.url("late")))) == Answered(200, body={})
        await asyncio.sleep(0.1)
        assert await sender.make(outbound(request(receiver.url("ok")))) == Answered(200, body={})
    assert receiver.connections == 2


def after_the_answer(more: bytes) -> Behaviour:
    """Answer, and a moment later once more."""

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Asked) -> None:
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(more)

    return behave


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
