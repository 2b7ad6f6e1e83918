"""An endpoint that misbehaves before it has read a request costs no more time than an attempt has."""

from time import monotonic

import pytest

from schemas.delivery import Class, Silence
from streams.judge import classify
from tests.agents.http.builders import attempts, outbound, request
from tests.agents.http.sockets import (
    Act,
    accepting,
    closes,
    half_a_request,
    hangs,
    never_accepting,
    resets,
    speaks_first,
)
from tests.agents.http.sockets import drips as dripping
from tests.agents.http.test_hostile import DEADLINE, SLACK


@pytest.mark.parametrize(
    ("act", "error"), [(resets, "reset"), (half_a_request, "reset"), (closes, "closed"), (hangs, "timeout")]
)
async def test_a_connection_that_is_lost_before_the_request_was_read_is_ambiguous(
    act: Act, error: str
) -> None:
    # The request is in the socket's buffer at once, so nobody can say how much of it arrived.
    async with accepting(act) as port:
        reply = await attempts().make(outbound(request(f"http://127.0.0.1:{port}/", DEADLINE)))
    assert isinstance(reply, Silence)
    assert classify(reply) in (Class.AMBIGUOUS, Class.UNSENT)
    assert reply.error in (error, "reset", "closed", "refused")


@pytest.mark.parametrize("act", [hangs, dripping])
async def test_a_tls_handshake_that_never_ends_is_unsent_and_in_time(act: Act) -> None:
    began = monotonic()
    async with accepting(act) as port:
        reply = await attempts().make(outbound(request(f"https://127.0.0.1:{port}/", DEADLINE)))
    assert reply == Silence("connect_timeout", "unsent")
    assert monotonic() - began < DEADLINE + SLACK


@pytest.mark.parametrize("act", [resets, closes, speaks_first])
async def test_a_tls_handshake_that_breaks_off_is_unsent(act: Act) -> None:
    async with accepting(act) as port:
        reply = await attempts().make(outbound(request(f"https://127.0.0.1:{port}/", DEADLINE)))
    assert classify(reply) is Class.UNSENT


async def test_a_connection_that_is_never_made_is_unsent_and_in_time() -> None:
    began = monotonic()
    with never_accepting() as port:
        reply = await attempts().make(outbound(request(f"http://127.0.0.1:{port}/", DEADLINE)))
    assert reply == Silence("connect_timeout", "unsent")
    assert monotonic() - began < DEADLINE + SLACK
