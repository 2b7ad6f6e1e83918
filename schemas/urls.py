"""Which URLs may be asked at all, by their looks alone; which addresses may be, the egress guard says.

Checked where a document is read and again after a template was rendered: two readers of one odd
URL (userinfo, a backslash, 0x7f.1) may see two hosts in it, and the guard only one.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

TAG: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
"""A piece of a template."""

_STAND_IN: Final = "T"
_ODD: Final = re.compile(r"[\x00-\x20\x7f\\]")
_START: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")
_ORIGIN: Final = re.compile(r"[^/?#]*")
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*", re.ASCII)
_PORT: Final = re.compile(r"[0-9]{1,5}", re.ASCII)
_DOTS: Final = re.compile(r"(?:\.|%2e){1,2}", re.IGNORECASE)
_LONGEST: Final = 8192


def wrong_with_url(url: str) -> str | None:
    """What is wrong with a URL, as `found …; expected …` without quoting it; None if nothing is."""
    if len(url) > _LONGEST:
        return f"found a URL of over {_LONGEST} characters; expected a shorter one"
    if _ODD.search(url):
        return "found a space, control character or backslash in the URL; expected it percent-encoded"
    start = _START.match(url)
    if start is None or start[1].lower() not in ("http", "https") or start[2] is None:
        scheme = f"the scheme {start[1][:20]}" if start and start[2] else "no scheme"
        return f"found {scheme}; expected a URL that begins with https:// or http://"
    origin = _ORIGIN.match(url, start.end())
    assert origin is not None  # it matches the empty text too
    return _wrong_with_origin(origin[0]) or _wrong_with_path(url[origin.end() :])


def wrong_with_url_template(template: str) -> str | None:
    """The same for a URL with template tags in it, as far as its literal text goes."""
    if template.startswith("{{"):
        return None  # A whole URL that is a secret; what it may come from, the template rules say.
    return wrong_with_url(TAG.sub(_STAND_IN, template))


def origin_of_template(template: str) -> str:
    """The scheme, host and port of a URL template, with the tags that stand in them."""
    hidden = TAG.sub(lambda tag: "\0" * len(tag[0]), template)
    start = _START.match(hidden)
    if start is None:
        origin = re.match(r"[^/?#]*", hidden)
    else:
        origin = _ORIGIN.match(hidden, start.end())
    return template[: origin.end()] if origin else template


def wrong_with_host(host: str) -> str | None:
    """What is wrong with a host name or an address as it stands in a URL; None if nothing is."""
    if host.startswith("["):
        return _wrong_with_ipv6(host)
    if not host.isascii():
        return "found a host that is not ASCII; expected its punycode form xn--…"
    if "%" in host:
        return "found % in the host; expected a plain host name"
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _wrong_with_ipv4(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        return "found an odd host; expected a host name or an address"
    return None


def _wrong_with_origin(origin: str) -> str | None:
    if "@" in origin:
        return "found userinfo in the URL; expected credentials under auth"
    host, colon, port = origin.rpartition(":")
    if not colon or port.endswith("]"):
        host, port = origin, ""
    elif port not in ("", _STAND_IN) and not (_PORT.fullmatch(port) and 0 < int(port) < 65536):
        return "found an odd port; expected a number from 1 to 65535"
    if not host:
        return "found no host; expected a URL such as https://api.example.com/path"
    return wrong_with_host(host)


def _wrong_with_ipv4(host: str) -> str | None:
    try:
        if str(IPv4Address(host)) == host:
            return None
    except AddressValueError:
        pass
    return "found an odd spelling of an IPv4 address; expected four decimal numbers such as 192.0.2.1"


def _wrong_with_ipv6(host: str) -> str | None:
    try:
        if host.endswith("]") and IPv6Address(host[1:-1]).scope_id is None:
            return None
    except AddressValueError:
        pass
    return "found an odd IPv6 address; expected one such as [2001:db8::1], without a zone"


def _wrong_with_path(rest: str) -> str | None:
    path = re.split(r"[?#]", rest, maxsplit=1)[0]
    if any(_DOTS.fullmatch(segment) for segment in path.split("/")):
        return "found . or .. as a path segment; expected a path without them: clients collapse them"
    return None
