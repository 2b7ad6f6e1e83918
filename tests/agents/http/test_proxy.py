"""A proxy is used when the operator set one, never because the environment names one."""

import ssl
from base64 import b64encode
from pathlib import Path

import pytest

from agents.attempt import Attempts
from agents.http.client import Client
from agents.http.guard import Guard
from agents.http.proxy import read_proxy
from agents.http.secrets import Secrets
from agents.http.transport import GuardedTransport
from agents.worker import utc_now
from schemas.delivery import Answered, Reply, Silence
from schemas.workflow import Tls
from streams.egress import Egress
from tests.agents.cli.sending import send_test
from tests.agents.http.builders import attempts, outbound, request
from tests.agents.http.certificates import Authority
from tests.agents.http.hostile import receiving
from tests.agents.http.proxying import proxying

DENIED = Silence("egress_denied", "before")


def through(url: str, only: tuple[str, ...] = ()) -> Attempts:
    """Attempts through a proxy; nothing is opened beyond the public internet."""
    transport = GuardedTransport(Guard(Egress()), read_proxy(url))
    return Attempts(Client(transport), Secrets({}), utc_now, only=lambda _: only)


async def test_a_plain_request_names_its_whole_url_to_the_proxy_and_connections_are_kept() -> None:
    async with receiving() as receiver, proxying(receiver.port) as proxy:
        sender = through(f"http://127.0.0.1:{proxy.port}")
        for _ in range(2):
            reply = await sender.make(outbound(request("http://api.example/echo?a=b", 2)))
            assert isinstance(reply, Answered)
    assert proxy.lines == 2 * ["POST http://api.example/echo?a=b HTTP/1.1"]
    assert (receiver.connections, receiver.asked[0].headers["host"]) == (1, "api.example")
    assert "proxy-authorization" not in receiver.asked[0].headers


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


async def tunnelled(server: ssl.SSLContext, ca: Path) -> tuple[list[str], Reply]:
    async with receiving(server) as receiver, proxying(receiver.port) as proxy:
        sender = through(f"http://us:p%40ss@127.0.0.1:{proxy.port}")
        sent = request("https://here.example/echo", 2, tls=Tls(ca=str(ca)))
        reply = await sender.make(outbound(sent))
        assert all("authorization" not in asked.headers for asked in receiver.asked)
        return proxy.heads, reply


async def test_https_goes_through_a_tunnel_and_the_certificate_is_the_endpoints(authority: Authority) -> None:
    good, other = authority.issue("good", "here.example"), authority.issue("other", "there.example")
    [head], reply = await tunnelled(good.server(), authority.cert)
    assert isinstance(reply, Answered)
    assert head.startswith("CONNECT here.example:443 HTTP/1.1\r\nHost: here.example:443\r\n")
    assert f"Proxy-Authorization: Basic {b64encode(b'us:p@ss').decode()}\r\n" in head
    _, refused = await tunnelled(other.server(), authority.cert)
    assert refused == Silence("tls", "unsent")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
        b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nnot yours yet",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200",
        b"",
    ],
)
async def test_a_proxy_that_leads_nowhere_is_unsent(answer: bytes) -> None:
    async with proxying(9, answer) as proxy:
        reply = await through(f"http://127.0.0.1:{proxy.port}").make(
            outbound(request("https://a.example/", 2))
        )
    assert reply == Silence("proxy", "unsent")


async def test_a_proxy_that_is_not_there_is_unsent() -> None:
    for url in ("http://127.0.0.1:9", "http://no-such-proxy.invalid:3128"):
        reply = await through(url).make(outbound(request("http://a.example/", 2)))
        assert reply == Silence("proxy", "unsent")


@pytest.mark.parametrize(
    ("url", "reply"),
    [
        ("http://127.0.0.1/", DENIED),
        ("https://[::ffff:169.254.169.254]/", DENIED),
        ("http://10.0.0.1:8080/", DENIED),
        ("http://localhost/", DENIED),
        ("http://a.localhost./", DENIED),
        ("http://127.1/", Silence("bad_url", "before")),
        ("http://0x7f000001/", Silence("bad_url", "before")),
        ("http://user@a.example/", Silence("bad_url", "before")),
    ],
)
async def test_what_shows_that_it_is_not_public_never_reaches_the_proxy(url: str, reply: Silence) -> None:
    async with proxying(9) as proxy:
        assert await through(f"http://127.0.0.1:{proxy.port}").make(outbound(request(url))) == reply
    assert proxy.heads == []


async def test_a_narrowing_lets_only_named_hosts_through_a_proxy() -> None:
    async with receiving() as receiver, proxying(receiver.port) as proxy:
        url = f"http://127.0.0.1:{proxy.port}"
        sent = outbound(request("http://a.example/ok", 2))
        assert isinstance(await through(url, ("a.example",)).make(sent), Answered)
        for only in (("b.example",), ("0.0.0.0/0", "::/0")):
            assert await through(url, only).make(sent) == DENIED
    assert len(proxy.heads) == 1


async def test_proxies_of_the_environment_are_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver, proxying(receiver.port) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert isinstance(await attempts().make(outbound(request(receiver.url("ok"), 2))), Answered)
        assert (await send_test(receiver.url("ok"), "--json")).code == 0
    assert proxy.heads == []


async def test_a_test_through_a_proxy_says_what_is_no_longer_promised_and_not_the_password() -> None:
    async with receiving() as receiver, proxying(receiver.port) as proxy:
        url = f"http://us:hunter2@127.0.0.1:{proxy.port}"
        sent = await send_test("http://api.example/ok", "--json", POSTCALL_PROXY=url)
    assert (sent.code, sent.report["address"]) == (0, None)
    assert "is not checked here" in sent.report["reason"]
    assert "hunter2" not in sent.out + sent.complaints
    assert "hunter2" not in repr(read_proxy(url))


@pytest.mark.parametrize(
    "url", ["https://a:1", "http://a", "a:3128", "http://a:1/path", "http://a:x", "socks5://a:1"]
)
async def test_a_proxy_that_makes_no_sense_is_refused_without_showing_it(url: str) -> None:
    sent = await send_test("http://a.example/", POSTCALL_PROXY=url)
    assert sent.code == 2
    assert sent.complaints == (
        "postcall: POSTCALL_PROXY: found a secret; expected a proxy such as http://HOST:PORT or"
        " http://NAME:PASSWORD@HOST:PORT\n"
    )
