"""What goes over the wire in one attempt, and what of the answer comes back."""

from base64 import b64encode
from datetime import UTC, datetime
from time import time

import pytest
from standardwebhooks import Webhook

from agents.attempt import Attempts, Outbound
from agents.http.client import Client
from agents.http.errors import Withheld
from agents.http.progress import Progress
from agents.http.secrets import Secrets
from schemas.delivery import Answered, Keep, Reply, Silence
from schemas.workflow import ApiKey, Basic, Bearer, HmacAuth
from streams.signing import hex_hmac
from tests.agents.http.behaviours import Asked
from tests.agents.http.builders import attempts, outbound, request, text, transport
from tests.agents.http.hostile import receiving

KEY = "whsec_" + b64encode(b"k" * 32).decode()
OLD = "whsec_" + b64encode(b"o" * 32).decode()
SECRETS = {"KEY": KEY, "OLD": OLD, "TOKEN": "hunter2+/=", "USER": "us", "NUL": "a\r\nb", "BYTES": "\udcff"}


async def sent(
    attempt: int = 1, replay: bool = False, path: str = "echo", **fields: object
) -> tuple[Asked, Reply]:
    """What a receiver saw of a request, and the reply."""
    async with receiving() as receiver:
        out = outbound(request(receiver.url(path), 2, **fields), attempt, replay)
        reply = await attempts(environment=SECRETS).make(out)
    return (receiver.asked or [Asked("", "", {}, b"", 0)])[-1], reply


async def refused(**fields: object) -> Reply:
    asked, reply = await sent(**fields)
    assert asked.method == "", "nothing was sent"
    return reply


async def test_every_attempt_says_what_it_is() -> None:
    asked, _ = await sent(attempt=3, headers={"user-agent": "postcall/1"})
    assert asked.headers["webhook-id"] == asked.headers["idempotency-key"] == "abc"
    assert asked.headers["postcall-attempt"] == "3"
    assert abs(int(asked.headers["webhook-timestamp"]) - time()) < 5
    assert asked.headers["accept-encoding"] == "identity"
    assert "webhook-signature" not in asked.headers
    assert "postcall-replay" not in asked.headers


async def test_a_replay_says_so() -> None:
    asked, _ = await sent(replay=True)
    assert asked.headers["postcall-replay"] == "true"


async def test_a_receiver_verifies_either_key_of_a_rotation() -> None:
    asked, _ = await sent(secrets=(text("<KEY>"), text("<OLD>")), x_signature=True)
    for key in (KEY, OLD):
        Webhook(key).verify(asked.body, asked.headers)
    assert asked.headers["x-signature"] == hex_hmac(b"k" * 32, asked.body)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_the_method_and_the_body_arrive_as_they_were_rendered(method: str) -> None:
    body = bytes(range(256)) * 300
    asked, reply = await sent(method=method, body=body)
    assert (asked.method, asked.body) == (method, body)
    assert isinstance(reply, Answered)


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("DELETE", None), ("POST", "0")])
async def test_a_request_without_a_body_sends_none(method: str, length: str | None) -> None:
    asked, _ = await sent(method=method, body=b"")
    assert asked.headers.get("content-length") == length


async def test_the_path_and_query_are_sent_as_they_were_rendered() -> None:
    asked, _ = await sent(path="echo/a%2Fb/%C3%A9?q=%26&r=a+b#not-sent")
    assert asked.target == "/echo/a%2Fb/%C3%A9?q=%26&r=a+b"


async def test_a_bearer_token_is_shown() -> None:
    asked, _ = await sent(auth=Bearer(""), auth_texts={"token": text("<TOKEN>")})
    assert asked.headers["authorization"] == "Bearer hunter2+/="


async def test_a_name_and_password_are_shown() -> None:
    asked, _ = await sent(
        auth=Basic("", ""), auth_texts={"username": text("<USER>"), "password": text("<TOKEN>")}
    )
    assert asked.headers["authorization"] == "Basic " + b64encode(b"us:hunter2+/=").decode()


async def test_an_api_key_is_shown_in_its_header() -> None:
    asked, _ = await sent(auth=ApiKey("X-Key", ""), auth_texts={"value": text("<TOKEN>")})
    assert asked.headers["x-key"] == "hunter2+/="


@pytest.mark.parametrize(("path", "target"), [("echo", "/echo?k%20y="), ("echo?a=b#c", "/echo?a=b&k%20y=")])
async def test_an_api_key_is_shown_in_the_query(path: str, target: str) -> None:
    asked, _ = await sent(path=path, auth=ApiKey("k y", "", "query"), auth_texts={"value": text("<TOKEN>")})
    assert asked.target == target + "hunter2%2B%2F%3D"


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
async def test_an_hmac_of_the_body_is_shown(algorithm: str) -> None:
    auth = HmacAuth("", "X-Sum", algorithm)
    asked, _ = await sent(auth=auth, auth_texts={"secret": text("<TOKEN>")})
    assert asked.headers["x-sum"] == hex_hmac(b"hunter2+/=", b"{}", algorithm)


async def test_a_secret_that_is_missing_or_unfit_sends_nothing() -> None:
    assert await refused(headers={"x": "<NONE>"}) == Silence("bad_secret", "before")
    assert await refused(secrets=(text("whsec_no base64"),)) == Silence("bad_secret", "before")
    assert await refused(auth=Bearer(""), auth_texts={"token": ()}) == Silence("bad_secret", "before")
    assert await refused(headers={"x": "<NUL>"}) == Silence("bad_header", "before")
    unknown = HmacAuth("", "x", "md17")
    assert await refused(auth=unknown, auth_texts={"secret": text("<KEY>")}) == Silence(
        "auth_unsupported", "before"
    )


async def test_bytes_that_are_no_text_are_ours_and_never_a_defect() -> None:
    assert await refused(secrets=(text("<BYTES>"),)) == Silence("bad_secret", "before")
    assert await refused(path="echo/\udcff") == Silence("bad_url", "before")
    assert await refused(headers={"x": "\udcff"}) == Silence("bad_header", "before")
    empty = HmacAuth("", "x", "")
    assert await refused(auth=empty, auth_texts={"secret": text("<KEY>")}) == Silence(
        "auth_unsupported", "before"
    )


@pytest.mark.parametrize("headers", [{"x": "a\r\nb: c"}, {"x": "a\0"}, {"x": "€"}, {"a b": "c"}, {"x:": "c"}])
async def test_a_header_that_could_become_two_is_refused(headers: dict[str, str]) -> None:
    assert await refused(headers=headers) == Silence("bad_header", "before")


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "connection", "te"])
async def test_a_header_that_frames_the_request_is_ours_alone(name: str) -> None:
    assert await refused(headers={name: "5"}) == Silence("bad_header", "before")


async def test_latin_1_is_let_through_in_headers() -> None:
    asked, _ = await sent(headers={"x": "café\t!"})
    assert asked.headers["x"] == "café\t!"


async def test_a_body_over_a_mebibyte_is_refused() -> None:
    assert await refused(body=b"x" * (1 << 20) + b"x") == Silence("too_large", "before")


async def test_of_an_answer_only_what_is_named_is_kept() -> None:
    keep = Keep(headers=("content-type",), extract={"id": "$.headers.webhook-id", "none": "$.x"})
    _, reply = await sent(keep=Keep(keep.headers, extract={"target": "$.target", "none": "$.x"}))
    assert reply == Answered(200, headers={"content-type": "application/json"}, extracted={"target": "/echo"})


async def test_an_echoed_secret_is_masked_however_it_is_spelt() -> None:
    texts = {"username": text("<USER>"), "password": text("<TOKEN>")}
    _, reply = await sent(
        path="echo/<TOKEN>?b=aHVudGVyMisvPQ",
        body=b"hunter2%2B%2F%3D",
        auth=Basic("", ""),
        auth_texts=texts,
        secrets=(text("<KEY>"),),
    )
    shown = repr(reply)
    assert "***" in shown
    for spelling in ("hunter2", "aHVudGVyMisvPQ", b64encode(b"us:hunter2+/=").decode()):
        assert spelling not in shown


async def test_nothing_secret_is_in_a_representation() -> None:
    async with receiving() as receiver:
        out = outbound(request(receiver.url("hang/<TOKEN>"), 0.1, auth_texts={"token": text("<TOKEN>")}))
        reply = await attempts(environment=SECRETS).make(out)
    assert "hunter2" not in repr((out, reply))


async def test_what_is_not_ours_to_send_any_more_does_not_leave() -> None:
    asked: list[str] = []

    def may_leave(out: Outbound) -> bool:
        asked.append(out.delivery_id)
        return False

    async with receiving() as receiver:
        sender = Attempts(Client(transport()), Secrets({}), lambda: datetime.now(UTC), may_leave)
        with pytest.raises(Withheld):
            await sender.make(outbound(request(receiver.url("ok"))))
    assert (asked, receiver.asked) == (["abc"], [])


async def test_whoever_wants_to_see_more_learns_the_address_the_size_and_the_reason() -> None:
    async with receiving() as receiver:
        seen, denied = Progress(), Progress()
        await attempts().make(outbound(request(receiver.url("ok"))), seen)
        await attempts(transport("192.0.2.1")).make(outbound(request(receiver.url("ok"))), denied)
    assert (seen.address, seen.body_bytes, seen.reason) == ("127.0.0.1", 2, None)
    assert denied.address == "127.0.0.1"
    assert "loopback" in (denied.reason or "")
