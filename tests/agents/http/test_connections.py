"""Connections are used again, and one that was dropped while idle costs nobody an attempt."""

import asyncio

import pytest

from agents.http import connections
from schemas.delivery import Answered, Class, Silence
from streams.judge import classify
from tests.agents.http.behaviours import OK, Asked, Behaviour, reset
from tests.agents.http.builders import attempts, outbound, request, transport
from tests.agents.http.hostile import receiving


async def away(_: asyncio.StreamReader, writer: asyncio.StreamWriter, __: Asked) -> None:
    reset(writer)


def after_one_answer(*, by_reset: bool, delay: float = 0.0, begun: bytes = b"") -> Behaviour:
    """Answer the first request of a connection; drop the connection at the second, its answer `begun`."""
    seen: set[int] = set()

    async def behave(_: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: Asked) -> None:
        if asked.connection not in seen:
            seen.add(asked.connection)
            writer.write(OK)
            return
        await asyncio.sleep(delay)
        if begun:
            writer.write(begun)
            await writer.drain()
            await asyncio.sleep(0.05)
        if by_reset:
            reset(writer)
        raise OSError

    return behave


async def test_a_connection_is_used_again() -> None:
    async with receiving() as receiver:
        sender = attempts()
        for _ in range(5):
            assert isinstance(await sender.make(outbound(request(receiver.url("ok")))), Answered)
    assert receiver.connections == 1


@pytest.mark.parametrize("by_reset", [True, False])
async def test_a_request_into_a_dropped_connection_is_sent_again_at_once(by_reset: bool) -> None:
    async with receiving(stale=after_one_answer(by_reset=by_reset)) as receiver:
        sender = attempts()
        for _ in range(3):
            reply = await sender.make(outbound(request(receiver.url("stale"))))
            assert reply == Answered(200, body={})
    assert [asked.connection for asked in receiver.asked] == [1, 1, 2, 2, 3]


async def test_a_new_connection_that_is_dropped_is_not_tried_again() -> None:
    async with receiving() as receiver:
        assert await attempts().make(outbound(request(receiver.url("close")))) == Silence("closed", "sent")
    assert len(receiver.asked) == 1


async def test_a_connection_that_breaks_while_the_request_is_at_work_is_ambiguous() -> None:
    async with receiving(stale=after_one_answer(by_reset=True, delay=1.1)) as receiver:
        sender = attempts()
        await sender.make(outbound(request(receiver.url("stale"))))
        reply = await sender.make(outbound(request(receiver.url("stale"), 3)))
    assert reply == Silence("reset", "sent")
    assert len(receiver.asked) == 2


@pytest.mark.parametrize("by_reset", [True, False])
@pytest.mark.parametrize(
    "begun",
    [b"H", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\ncontent-", b"HTTP/1.1 100 Continue\r\n\r\n", b"\x15\x03"],
)
async def test_a_reply_that_began_on_a_kept_connection_is_never_a_reason_to_send_again(
    begun: bytes, by_reset: bool
) -> None:
    async with receiving(stale=after_one_answer(by_reset=by_reset, begun=begun)) as receiver:
        sender = attempts()
        await sender.make(outbound(request(receiver.url("stale"))))
        reply = await sender.make(outbound(request(receiver.url("stale"))))
    assert classify(reply) is Class.AMBIGUOUS
    assert len(receiver.asked) == 2


async def test_a_body_that_breaks_off_on_a_kept_connection_is_a_success_and_not_sent_again() -> None:
    begun = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"
    async with receiving(stale=after_one_answer(by_reset=True, begun=begun)) as receiver:
        sender = attempts()
        for complete in (True, False):
            reply = await sender.make(outbound(request(receiver.url("stale"))))
            assert isinstance(reply, Answered)
            assert reply.complete == complete
    assert len(receiver.asked) == 2


async def test_what_must_not_be_sent_twice_never_uses_a_kept_connection() -> None:
    async with receiving(stale=after_one_answer(by_reset=True)) as receiver:
        sender = attempts()
        for _ in range(3):
            once = request(receiver.url("stale"), retry_ambiguous=False)
            assert isinstance(await sender.make(outbound(once)), Answered)
    assert [asked.connection for asked in receiver.asked] == [1, 2, 3]


async def test_a_request_that_went_out_once_is_not_called_unsent_when_the_endpoint_is_gone() -> None:
    async with receiving(stale=after_one_answer(by_reset=True), away=away) as receiver:
        sender = attempts()
        await sender.make(outbound(request(receiver.url("ok"))))
        receiver.stop()
        assert await sender.make(outbound(request(receiver.url("away")))) == Silence("reset", "sent")
    assert await sender.make(outbound(request(receiver.url("ok")))) == Silence("refused", "unsent")


async def test_a_body_that_was_cut_takes_its_connection_along() -> None:
    async with receiving() as receiver:
        sender = attempts()
        for _ in range(2):
            await sender.make(outbound(request(receiver.url("gigabyte"))))
    assert receiver.connections == 2


async def test_idle_connections_are_closed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_FOR", 0.1)
    async with receiving() as receiver:
        through = transport()
        sender = attempts(through)
        await sender.make(outbound(request(receiver.url("ok"))))
        await asyncio.sleep(0.3)
        assert not through._connections._ages
        assert not through._connections._idle


async def test_there_is_a_bound_on_idle_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_AT_MOST", 3)
    async with receiving() as receiver:
        through = transport()
        sender = attempts(through)
        await asyncio.gather(*(sender.make(outbound(request(receiver.url("ok")))) for _ in range(8)))
        assert len(through._connections._ages) == 3
        await through.aclose()
        assert not through._connections._idle
