"""Whatever a transport may raise becomes a silence with one of our own words, and the right stage."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from agents.http import errors
from agents.http.errors import ERRORS
from schemas.delivery import Silence
from tests.agents.http.builders import attempts, outbound, request

SECRET = "hunter2 https://a.example/hooks/hunter2"


def all_of(class_: type[httpx.RequestError]) -> Iterator[type[httpx.RequestError]]:
    yield class_
    for below in class_.__subclasses__():
        yield from all_of(below)


RAISED = sorted(set(all_of(httpx.RequestError)), key=lambda class_: class_.__name__)


async def reply_to(raised: Exception) -> Silence:
    def fail(_: httpx.Request) -> httpx.Response:
        raise raised

    reply = await attempts(httpx.MockTransport(fail)).make(outbound(request("http://a.example/")))
    assert isinstance(reply, Silence)
    return reply


@pytest.mark.parametrize("class_", RAISED)
async def test_every_failure_of_a_transport_is_a_silence_in_our_own_words(
    class_: type[httpx.RequestError],
) -> None:
    silence = await reply_to(class_(SECRET))
    assert silence.error in ERRORS
    assert "hunter2" not in repr(silence)


async def test_a_url_that_a_transport_refuses_is_ours() -> None:
    assert await reply_to(httpx.InvalidURL(SECRET)) == Silence("bad_url", "before")
    assert await reply_to(httpx.UnsupportedProtocol(SECRET)) == Silence("bad_url", "before")


@pytest.mark.parametrize(
    ("raised", "stage"),
    [
        (errors.EgressDenied(""), "before"),
        (errors.NameUnknown(""), "unsent"),
        (errors.Refused(""), "unsent"),
        (errors.TlsFailed(""), "unsent"),
        (httpx.ConnectTimeout(""), "unsent"),
        (httpx.ConnectError(""), "unsent"),
        (httpx.PoolTimeout(""), "unsent"),
        (errors.Reset(""), "sent"),
        (errors.Closed(""), "sent"),
        (errors.Garbage(""), "sent"),
        (errors.HeadersTooLarge(""), "sent"),
        (httpx.ReadTimeout(""), "sent"),
        (httpx.WriteError(""), "sent"),
        (httpx.RemoteProtocolError(""), "sent"),
    ],
)
async def test_only_what_cannot_have_left_is_called_unsent(raised: Exception, stage: str) -> None:
    assert (await reply_to(raised)).stage == stage


async def test_a_transport_that_never_answers_is_a_time_out() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    reply = await attempts(httpx.MockTransport(hang)).make(outbound(request("http://a.example/", 0.1)))
    assert reply == Silence("timeout", "sent")


async def test_a_defect_of_ours_is_not_taken_for_an_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        await reply_to(ZeroDivisionError())
