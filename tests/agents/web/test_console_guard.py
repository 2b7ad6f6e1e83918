"""Who gets into the console: by token, cookie, name and origin; and what a form must show."""

import re

import pytest

from agents.web.console.guard import COOKIE, Guard, host_name, is_loopback
from schemas.settings import Settings
from tests.agents.web.consoles import TOKEN, Served, console, letter, outcome, window

BEARER = {"Authorization": f"Bearer {TOKEN}"}
PAGES = ("/", "/call?id=c", "/workflows", "/workflow?id=w", "/endpoints", "/dead-letters", "/revision")


async def cookie_of(served: Served) -> str:
    answer = await served.ask(f"/?token={TOKEN}")
    return f"{COOKIE}={answer.cookies[COOKIE]}"


async def form_key(served: Served, cookie: str) -> str:
    found = re.search(r'name="key" value="([0-9a-f]{64})"', (await served.ask("/", Cookie=cookie)).text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_token_no_page_says_anything(path: str) -> None:
    async with console(window(("call-outcomes", outcome("secret-call")))) as served:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": f"{COOKIE}=9999999999.x.00"}):
            answer = await served.ask(path, **headers)
            assert answer.status == 401
            assert "secret-call" not in answer.text
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_the_token_is_taken_as_bearer_and_once_in_the_address_for_a_cookie() -> None:
    async with console(window(("call-outcomes", outcome("c-1")))) as served:
        assert "c-1" in (await served.ask("/", **BEARER)).text
        given = await served.ask(f"/?verdict=PROPER&token={TOKEN}")
        assert (given.status, given.headers["Location"]) == (303, "/?verdict=PROPER")
        assert TOKEN not in given.cookies[COOKIE]
        for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
            assert word in given.headers["Set-Cookie"]
        assert "c-1" in (await served.ask("/", Cookie=f"{COOKIE}={given.cookies[COOKIE]}")).text


async def test_a_wrong_token_in_the_address_is_refused_and_not_shown() -> None:
    async with console() as served:
        answer = await served.ask("/?token=almost")
        assert (answer.status, COOKIE in answer.cookies, "almost" in answer.text) == (401, False, False)


async def test_a_cookie_that_was_changed_or_is_of_another_token_does_not_hold() -> None:
    async with console() as served, console(web_token="another") as other:
        cookie = await cookie_of(served)
        assert (await served.ask("/", Cookie=cookie)).status == 200
        assert (await other.ask("/", Cookie=cookie)).status == 401
        later = re.sub(r"=(\d)", r"=9\1", cookie, count=1)
        assert (await served.ask("/", Cookie=later)).status == 401


async def test_a_cookie_ends() -> None:
    now = [1_000_000.0]
    guard = Guard(Settings(web_token=TOKEN), clock=lambda: now[0])

    from aiohttp import web
    from aiohttp.test_utils import make_mocked_request

    answer = web.Response()
    guard.admit(make_mocked_request("GET", "/"), answer)
    held = make_mocked_request("GET", "/", headers={"Cookie": f"{COOKIE}={answer.cookies[COOKIE].value}"})
    guard.look_at_token(held)
    now[0] += 12 * 3600 + 1
    with pytest.raises(Exception, match="token"):
        guard.look_at_token(held)


async def test_a_host_that_is_not_ours_is_refused_whatever_it_brings_but_probes_are_answered() -> None:
    async with console() as served:
        for path in ("/", "/static/console.css", f"/?token={TOKEN}"):
            assert (await served.ask(path, Host="rebound.example", **BEARER)).status == 403
        assert (await served.ask("/readyz", Host="rebound.example")).status == 200
        assert (await served.ask("/metrics", Host="rebound.example")).status == 200
        assert (await served.ask("/", Host="localhost:6066", **BEARER)).status == 200


async def test_a_post_from_elsewhere_is_refused() -> None:
    async with console() as served:
        cookie = await cookie_of(served)
        key = await form_key(served, cookie)
        fields = [("key", key), ("of", "picked")]
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec_Fetch_Site": "cross-site"},
        ):
            answer = await served.ask("/dead-letters/replay", "POST", fields, Cookie=cookie, **headers)
            assert answer.status == 403
            assert (await served.ask("/login", "POST", [("token", TOKEN)], **headers)).status == 403


async def test_a_form_without_our_key_changes_nothing() -> None:
    async with console() as served:
        cookie = await cookie_of(served)
        key = await form_key(served, cookie)
        for given in ("", "0" * 64, key[:-1]):
            fields = [("key", given), ("of", "picked")]
            assert (await served.ask("/dead-letters/replay", "POST", fields, Cookie=cookie)).status == 403
            assert (await served.ask("/endpoints/resume", "POST", fields, Cookie=cookie)).status == 403
        # With it the form is read, and found to tick nothing.
        answer = await served.ask(
            "/dead-letters/replay", "POST", [("key", key), ("of", "picked")], Cookie=cookie, Origin=served.url
        )
        assert (answer.status, "no dead letter that is ticked" in answer.text) == (400, True)


async def test_logging_in_leads_back_to_our_own_pages_only() -> None:
    async with console() as served:
        for wanted, led in (
            ("/endpoints", "/endpoints"),
            ("https://evil.example/", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("javascript:alert(1)", "/"),
        ):
            answer = await served.ask("/login", "POST", [("token", TOKEN), ("next", wanted)])
            assert (answer.status, answer.headers["Location"]) == (303, led)
        assert (await served.ask("/login", "POST", [("token", "x")])).status == 401


async def test_without_a_token_set_this_machine_is_served_and_others_are_not() -> None:
    async with console(window(("dead-letters", letter("c-1"))), web_token=None) as served:
        assert "c-1" in (await served.ask("/dead-letters")).text
        assert (await served.ask("/dead-letters", Host="192.0.2.1")).status == 403
        answer = await served.ask("/dead-letters/replay", "POST", [("of", "all")])
        assert answer.status == 403
    assert [
        is_loopback(each) for each in ("127.0.0.9", "::1", "::ffff:127.0.0.1", "192.0.2.1", None, "")
    ] == [
        True,
        True,
        True,
        False,
        False,
        False,
    ]


def test_a_host_header_is_read_without_its_port() -> None:
    found = [host_name(each) for each in ("Localhost:6066", "[::1]:6066", "[::1]", "a.example.", "::1")]
    assert found == ["localhost", "::1", "::1", "a.example", "::1"]


async def test_every_answer_forbids_what_is_not_ours() -> None:
    async with console() as served:
        for path in ("/", "/nope", "/static/console.js"):
            headers = (await served.ask(path, **BEARER)).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
