"""Nothing that is not plainly public is reached, however it is spelt, unless the operator opened it."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as some

from streams.egress import NOT_PUBLIC, Egress, egress, url_fault

CLOSED = Egress()


def words(text: str) -> list[str]:
    return text.split()


REFUSED = words("""
    0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.1.2.3 127.255.255.255
    168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8
    192.0.0.9 192.0.0.10 192.0.0.170 192.0.0.192 192.0.2.1 192.31.196.1 192.52.193.1 192.88.99.1 192.168.0.1
    192.175.48.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1
    255.255.255.255
    :: ::1 ::2 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254
    ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1 64:ff9b:1:ffff::1
    100::1 100:0:0:1::1 2001::1 2001:0:7f00:1:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::
    2002:7f00:1::1 2002:a9fe:a9fe:: 2620:4f:8000::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fdff::1 fe80::1
    fe80::1%eth0 febf::1 fec0::1 feff::1 ff02::1 ff0e::1 4000::1 8000::1 e000::1 1::1
""")

PUBLIC = words("""
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 168.63.129.15
    169.253.255.255 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
    223.255.255.255 ::ffff:8.8.8.8 2606:4700:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888 2003::1
""")


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_plainly_public_is_refused(address: str) -> None:
    assert CLOSED.refusal("host.example", address) is not None


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_let_through(address: str) -> None:
    assert CLOSED.refusal("host.example", address) is None


@given(
    some.sampled_from(sorted(NOT_PUBLIC)).flatmap(lambda text: some.ip_addresses(network=ip_network(text)))
)
def test_no_address_of_a_listed_range_is_let_through(address: IPv4Address | IPv6Address) -> None:
    assert CLOSED.refusal("host.example", str(address)) is not None


@given(some.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_when_it_is_mapped_into_ipv6(address: IPv4Address) -> None:
    mapped = f"::ffff:{address}"
    assert CLOSED.refusal("host.example", mapped) == CLOSED.refusal("host.example", str(address))


@given(some.ip_addresses())
def test_what_python_calls_not_global_is_never_let_through(address: IPv4Address | IPv6Address) -> None:
    assert address.is_global or CLOSED.refusal("host.example", str(address)) is not None


def test_an_opened_range_address_or_host_is_let_through_and_nothing_beside_it() -> None:
    opened = egress(["10.1.0.0/16", " 192.168.7.7", "fd00::/64", "CRM.internal.", ""])
    assert opened.refusal("x.example", "10.1.2.3") is None
    assert opened.refusal("x.example", "::ffff:10.1.2.3") is None
    assert opened.refusal("x.example", "192.168.7.7") is None
    assert opened.refusal("crm.INTERNAL", "127.0.0.1") is None
    assert opened.refusal("x.example", "10.2.0.1") is not None
    assert opened.refusal("not-crm.internal", "127.0.0.1") is not None


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "10.0.0.0/33", "http://a/", "a:80", "a b", "127.1", "@"])
def test_an_allowed_entry_that_cannot_be_read_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="found"):
        egress([entry])


@pytest.mark.parametrize(
    "url",
    words("""
    https://crm.example.com/v1?x=1#y http://192.0.2.1:8080/ http://[2001:db8::1]/ https://a/
    http://xn--bcher-kva.example/ http://bücher.example/ http://4chan.example/ http://a.b.c1/
    """),
)
def test_an_honest_url_has_no_fault(url: str) -> None:
    assert url_fault(url) is None


@pytest.mark.parametrize(
    "url",
    ["http://a /", "http://a/ b", "http://a/\r\nx: y", "http://a/\x00", " http://a/", "http://a\t/", ""],
)
def test_a_url_with_what_no_url_holds_is_refused(url: str) -> None:
    assert url_fault(url) is not None


@pytest.mark.parametrize(
    "url",
    words("""
    ftp://a/ file:///etc/passwd gopher://a/ javascript:alert(1) //a/ a http:// http:///x https://:80/
    http://user@a/ http://user:secret@a/ http://@a/ http://a:0/ http://a:99999/ http://a:b/ http://a\\@b/
    http://127.1/ http://2130706433/ http://0x7f000001/ http://0x7f.1/ http://0177.0.0.1/ http://127.0.0.1./
    http://127.0.0.01/ http://1.2.3/ http://1.2.3.4.5/ http://256.1.1.1/ http://0x/ http://a.0x7f/
    http://１２７.０.０.１/ http://127。0。0。1/ http://①②⑦.⓪.⓪.①/ http://a%2fb/ http://[::1%25lo]/ http://[::1
    http://[::g]/ http://[1.2.3.4]/ http://a<b/ http://a^b/
    """),
)
def test_a_url_with_userinfo_odd_addresses_or_another_scheme_is_refused(url: str) -> None:
    assert url_fault(url) is not None


def test_a_fault_never_quotes_what_may_be_secret() -> None:
    for url in ("http://user:hunter2@a/", "http://a/hunter2 x", "http://a:0/hunter2?hunter2"):
        assert "hunter2" not in (url_fault(url) or "hunter2")


@given(some.text(max_size=50))
def test_a_text_without_a_scheme_is_refused_and_any_other_has_an_answer(text: str) -> None:
    if not text.lower().startswith(("http://", "https://")):
        assert url_fault(text)
    assert isinstance(url_fault("http://" + text), str | None)
