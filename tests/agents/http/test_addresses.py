"""Every way to spell an address that is not public, by literal, name or redirect: none is ever connected to."""

import socket
from collections.abc import Sequence

import pytest

from agents.http.guard import Guard
from agents.http.transport import GuardedTransport
from schemas.delivery import Silence
from streams.egress import Egress
from tests.agents.http.builders import attempts, outbound, request
from tests.agents.http.test_guard import Names

DENIED, BAD = Silence("egress_denied", "before"), Silence("bad_url", "before")

LITERALS = """
127.0.0.1 127.0.0.1:80 127.255.255.254 0.0.0.0 10.0.0.1 172.31.255.255 192.168.0.1 169.254.169.254 100.64.0.1
100.100.100.200 168.63.129.16 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1 192.88.99.1 224.0.0.1
255.255.255.255 240.0.0.1
[::] [::1] [0:0:0:0:0:0:0:1] [::0001] [0::] [::127.0.0.1] [::7f00:1] [::ffff:127.0.0.1] [::ffff:7f00:1]
[::FFFF:127.0.0.1] [0:0:0:0:0:ffff:7f00:1] [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [::ffff:0:127.0.0.1]
[64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b::a9fe:a9fe] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:7f00:0001::1]
[2002:a9fe:a9fe::] [2001::1] [2001:0:7f00:1::] [2001:0:53aa:64c:0:7fb:80ff:fffe] [2001:db8::1] [3fff::1] [3ffe::1]
[fe80::1] [febf::1] [fec0::1] [fc00::1] [fd00:ec2::254] [fd20:ce::254] [ff02::1] [ff0e::1] [100::1] [5f00::1] [4000::1]
"""

ODD = """
127.1 127.0.1 0177.0.0.1 0177.1 00000177.0.0.1 0x7f.0.0.1 0x7f.1 0X7F000001 0x7f.0x0.0x0.0x1 2130706433 017700000001
127.0.0.1. 127.0.0.1.. 127.0.0.01 127.0.0x1 0 0. 0x0 0x 00 1 4294967295 4294967296 999999999999 256.256.256.256
169.254.43518 169.16689662 2852039166 0xa9fea9fe 0251.0376.0251.0376 1.2.3 1.2.3.4.5 a.0x7f a.1
127.0.0.1%00 127.0.0.1%2e 127.0.0.1%0d%0a 127.0.0.1%20 %31%32%37.0.0.1 127%2e0%2e0%2e1 a.example%00.b a.example%40b
１２７.０.０.１ ①②⑦.⓪.⓪.① 𝟏𝟐𝟕.𝟎.𝟎.𝟏 127。0。0。1 127．0．0．1 127｡0｡0｡1 ０x7f.1 0ｘ7f000001 １２７.1 ⑯⑨.254.169.254 ０
127.0.0.¹ 127.0.0.₁ ١٢٧.٠.٠.١ ⓛⓞⓒⓐⓛⓗⓞⓢⓣ
[fe80::1%eth0] [fe80::1%25eth0] [::1%25lo] [::1%lo] [v1.x] [::1].a [::1]a a[::1] [127.0.0.1] [::ffff:127.1] [] [:] [::g]
::1 [::1 127.0.0.1:80:80 127.0.0.1:0 127.0.0.1:65536 127.0.0.1:x
user@127.0.0.1 a:b@127.0.0.1 @127.0.0.1 a.example@127.0.0.1 127.0.0.1@a.example a.example\\@127.0.0.1
127.0.0.1\\a.example a.example,127.0.0.1 127.0.0.1,a.example a.example;127.0.0.1 127.0.0.1;x 127.0.0.1! 127.0.0.1+
a..b .a . ..
"""

INVISIBLE = ["1\u00ad27.0.0.1", "127.0.0.1\u200b", "\u200b127.0.0.1", "127.0.0.1\ufeff", "12\u20607.0.0.1"]

URLS = """
http:/127.0.0.1/ http:127.0.0.1/ http:///127.0.0.1/ ///127.0.0.1/ //127.0.0.1/ 127.0.0.1/ http:\\\\127.0.0.1/ ftp://127.0.0.1/
gopher://127.0.0.1/ dict://127.0.0.1/ ldap://127.0.0.1/ jar:http://127.0.0.1!/ file:///etc/passwd unix:///run/x
http+unix://%2frun%2fx/ data:,x ws://127.0.0.1/ https+x://127.0.0.1/ url:http://127.0.0.1/ javascript:1
"""

PUBLIC = """
1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15 168.63.129.17
169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
203.0.112.255 203.0.114.0 223.255.255.255 2606:4700:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888 2003::1 2400::1
2a02::1 2c0f::1 ::ffff:8.8.8.8
"""


async def reached(url: str, **answers: Sequence[str]) -> Silence:
    """What an attempt at a URL comes to, where any look-up or connection that must not be is a failure."""
    names = Names(**answers)
    reply = await attempts(GuardedTransport(Guard(Egress(), names))).make(outbound(request(url, 1)))
    assert isinstance(reply, Silence)
    assert answers or names.asked == 0, "looked up"
    return reply


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every socket that is made in this file's tests, which should be none."""
    made: list[object] = []

    class Counted(socket.socket):
        def connect(self, address: object) -> None:  # type: ignore[override]
            made.append(address)
            raise ConnectionRefusedError

    monkeypatch.setattr(socket, "socket", Counted)
    return made


@pytest.mark.parametrize("scheme", ["http", "HTTPS"])
@pytest.mark.parametrize("host", LITERALS.split())
async def test_no_literal_that_is_not_public_is_connected_to(
    host: str, scheme: str, connections: list[object]
) -> None:
    assert await reached(f"{scheme}://{host}/latest/meta-data/") == DENIED
    assert connections == []


@pytest.mark.parametrize("host", [*ODD.split(), *INVISIBLE])
async def test_no_odd_spelling_is_looked_up(host: str, connections: list[object]) -> None:
    assert await reached(f"http://{host}/") == BAD
    assert connections == []


@pytest.mark.parametrize("url", URLS.split())
async def test_no_other_scheme_or_half_a_url_is_followed(url: str, connections: list[object]) -> None:
    assert await reached(url) == BAD
    assert connections == []


@pytest.mark.parametrize("address", [one.strip("[]") for one in LITERALS.split() if ":80" not in one])
async def test_no_name_leads_there_alone_or_beside_public_ones(
    address: str, connections: list[object]
) -> None:
    for answers in ([address], ["8.8.8.8", address], [address, "2606:4700:4700::1111"]):
        assert await reached("http://name.example/", **{"name.example": answers}) == DENIED
    assert connections == []


@pytest.mark.parametrize("address", PUBLIC.split())
async def test_what_is_plainly_public_is_let_through(address: str) -> None:
    guard = Guard(Egress(), Names(name=[address]))
    assert await guard.addresses("name") == (address,)
    assert await guard.addresses(address) == (address,)
