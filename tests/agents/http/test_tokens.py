"""One access token for each client: fetched once, refreshed early, replaced when it is refused."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable
from time import monotonic

import httpx
import pytest

from agents.attempt import Attempts
from schemas.delivery import Answered, Reply, Silence
from schemas.workflow import OAuth2
from tests.agents.http.builders import attempts, outbound, request, text
from tests.agents.http.hostile import receiving

AUTH = OAuth2("", "", "")
TEXTS = {
    "token_url": text("https://login.example/token"),
    "client_id": text("us"),
    "client_secret": text("<CLIENT>"),
    "scope": text("crm"),
}


class Platform:
    """A login server and an API that takes its tokens; both count what they were asked."""

    def __init__(self, life: object = 3600) -> None:
        self.life = life
        self.grants: list[httpx.Request] = []
        self.asked: list[str] = []
        self.good: set[str] = set()
        self.refuses_with = 401
        self.login: Callable[[httpx.Request], httpx.Response] | None = None

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.01)
        if request.url.host == "login.example":
            return self._grant(request)
        token = request.headers["authorization"]
        self.asked.append(token)
        return httpx.Response(200 if token in self.good else self.refuses_with, json={"seen": token})

    def _grant(self, request: httpx.Request) -> httpx.Response:
        self.grants.append(request)
        if self.login is not None:
            return self.login(request)
        token = f"token-{len(self.grants)}"
        self.good.add(f"Bearer {token}")
        return httpx.Response(200, json={"access_token": token, "expires_in": self.life})

    def attempts(self) -> Attempts:
        return attempts(httpx.MockTransport(self.answer), {"CLIENT": "hunter2"})


async def ask(sender: Attempts, seconds: float = 2) -> Reply:
    sent = request("https://api.example/", seconds, auth=AUTH, auth_texts=TEXTS)
    return await sender.make(outbound(sent))


async def test_all_requests_of_a_client_share_one_token() -> None:
    platform = Platform()
    sender = platform.attempts()
    replies = await asyncio.gather(*(ask(sender) for _ in range(20)))
    await ask(sender)
    assert {getattr(reply, "status", None) for reply in replies} == {200}
    assert len(platform.grants) == 1


async def test_the_grant_is_what_the_standard_says() -> None:
    platform = Platform()
    await ask(platform.attempts())
    [grant] = platform.grants
    assert grant.headers["authorization"] == "Basic " + b64encode(b"us:hunter2").decode()
    assert grant.content == b"grant_type=client_credentials&scope=crm"
    assert platform.asked == ["Bearer token-1"]


async def test_credentials_go_into_the_form_where_the_header_is_not_taken() -> None:
    platform = Platform()

    def login(request: httpx.Request) -> httpx.Response:
        if "authorization" in request.headers:
            return httpx.Response(401)
        platform.good.add("Bearer t")
        return httpx.Response(200, json={"access_token": "t"})

    platform.login = login
    assert getattr(await ask(platform.attempts()), "status", None) == 200
    assert b"client_id=us&client_secret=hunter2" in platform.grants[-1].content


@pytest.mark.parametrize(("life", "grants"), [(0.05, 2), ("0.05", 2), (100, 1), (None, 1)])
async def test_a_token_is_refreshed_before_it_is_over(life: object, grants: int) -> None:
    platform = Platform(life)
    sender = platform.attempts()
    await ask(sender)
    await asyncio.sleep(0.045)
    await ask(sender)
    assert len(platform.grants) == grants


@pytest.mark.parametrize("status", [401, 403, 407])
async def test_a_refused_token_is_replaced_once(status: int) -> None:
    platform = Platform()
    platform.refuses_with = status
    sender = platform.attempts()
    await ask(sender)
    platform.good.clear()
    assert getattr(await ask(sender), "status", None) == 200
    assert platform.asked == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("status", [401, 403, 407])
async def test_an_endpoint_that_refuses_every_token_is_not_asked_a_third_time(status: int) -> None:
    platform = Platform()
    platform.refuses_with = status
    platform.login = lambda _: httpx.Response(200, json={"access_token": "never good"})
    assert getattr(await ask(platform.attempts()), "status", None) == status
    assert len(platform.asked) == 2


@pytest.mark.parametrize(
    ("answer", "silence"),
    [
        (httpx.Response(401), Silence("token_refused", "before")),
        (httpx.Response(400, json={"error": "invalid_client"}), Silence("token_refused", "before")),
        (httpx.Response(503), Silence("token", "unsent")),
        (httpx.Response(200, text="<html>"), Silence("token", "unsent")),
        (httpx.Response(200, json={"access_token": 7}), Silence("token", "unsent")),
        (httpx.Response(200, json={"access_token": ""}), Silence("token", "unsent")),
        (httpx.Response(200, json={"access_token": "a\r\nhost: evil"}), Silence("token", "unsent")),
        (httpx.Response(200, json={"access_token": "€"}), Silence("token", "unsent")),
        (httpx.Response(200, json={"access_token": "t", "expires_in": "soon"}), Silence("token", "unsent")),
    ],
)
async def test_without_a_token_nothing_is_sent(answer: httpx.Response, silence: Silence) -> None:
    platform = Platform()
    platform.login = lambda _: httpx.Response(answer.status_code, content=answer.content)
    assert await ask(platform.attempts()) == silence
    assert platform.asked == []


async def test_a_login_server_that_hangs_is_unsent_and_in_time() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError

    sender = attempts(httpx.MockTransport(hang), {"CLIENT": "hunter2"})
    assert await ask(sender, 0.1) == Silence("token", "unsent")


async def test_a_token_that_is_echoed_is_masked() -> None:
    reply = await ask(Platform().attempts())
    assert isinstance(reply, Answered)
    assert "token-1" not in json.dumps(reply.body)


async def test_a_slow_login_server_holds_nobody_past_his_own_deadline_and_its_token_is_kept() -> None:
    platform = Platform()

    async def slowly(request: httpx.Request) -> httpx.Response:
        if request.url.host == "login.example":
            await asyncio.sleep(0.3)
        return await platform.answer(request)

    sender = attempts(httpx.MockTransport(slowly), {"CLIENT": "hunter2"})
    hasty, patient = await asyncio.gather(ask(sender, 0.1), ask(sender, 2))
    assert hasty == Silence("token", "unsent")
    assert getattr(patient, "status", None) == 200
    assert getattr(await ask(sender, 0.1), "status", None) == 200
    assert len(platform.grants) == 1


@pytest.mark.parametrize(
    "path", ["hang", "drip", "gigabyte", "header-flood", "reset", "loop", "metadata-307"]
)
async def test_a_hostile_login_server_is_unsent_or_ours_within_the_deadline(path: str) -> None:
    async with receiving() as receiver:
        texts = {**TEXTS, "token_url": (receiver.url(path),)}
        sent = request("https://api.example/", 0.4, auth=AUTH, auth_texts=texts)
        began = monotonic()
        reply = await attempts(environment={"CLIENT": "hunter2"}).make(outbound(sent))
    assert reply in (Silence("token", "unsent"), Silence("token_refused", "before"))
    assert monotonic() - began < 1.5


@pytest.mark.parametrize(
    ("url", "error"),
    [("http://127.1/", "bad_url"), ("http://10.0.0.1/", "egress_denied"), ("ftp://a.example/", "bad_url")],
)
async def test_a_login_server_takes_the_same_guard_as_an_endpoint(url: str, error: str) -> None:
    sent = request("https://api.example/", auth=AUTH, auth_texts={**TEXTS, "token_url": (url,)})
    reply = await attempts(environment={"CLIENT": "hunter2"}).make(outbound(sent))
    assert reply == Silence(error, "before")
