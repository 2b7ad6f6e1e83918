"""Which addresses a request may go to: what is plainly public, and what the operator opened.

`ipaddress.is_global` is not enough: it passes the NAT64 and 6to4 forms of 127.0.0.1, multicast,
the cloud's wire server and more. So every range that is not plainly public stands here, with the
document that set it aside; an address passes when it is in none of them.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from unicodedata import normalize
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

NOT_PUBLIC: Final = {
    "0.0.0.0/8": "this network (RFC 791)",
    "10.0.0.0/8": "private (RFC 1918)",
    "100.64.0.0/10": "shared by carriers (RFC 6598)",
    "127.0.0.0/8": "loopback (RFC 1122)",
    "168.63.129.16/32": "Azure's wire server (its documentation)",
    "169.254.0.0/16": "link-local, and the clouds' metadata (RFC 3927)",
    "172.16.0.0/12": "private (RFC 1918)",
    "192.0.0.0/24": "protocol assignments (RFC 6890)",
    "192.0.2.0/24": "documentation (RFC 5737)",
    "192.31.196.0/24": "AS112 (RFC 7535)",
    "192.52.193.0/24": "AMT relays (RFC 7450)",
    "192.88.99.0/24": "6to4 relays (RFC 7526)",
    "192.168.0.0/16": "private (RFC 1918)",
    "192.175.48.0/24": "AS112 (RFC 7534)",
    "198.18.0.0/15": "benchmarks (RFC 2544)",
    "198.51.100.0/24": "documentation (RFC 5737)",
    "203.0.113.0/24": "documentation (RFC 5737)",
    "224.0.0.0/4": "multicast (RFC 5771)",
    "240.0.0.0/4": "reserved, and broadcast (RFC 1112, RFC 919)",
    "::/96": "unspecified, loopback and IPv4-compatible (RFC 4291)",
    "::ffff:0:0:0/96": "translated IPv4 (RFC 2765)",
    "64:ff9b::/96": "NAT64: any IPv4 address (RFC 6052)",
    "64:ff9b:1::/48": "local NAT64 (RFC 8215)",
    "100::/64": "discard-only (RFC 6666)",
    "100:0:0:1::/64": "dummy prefix (RFC 9780)",
    "2001::/23": "protocol assignments, with Teredo and ORCHID (RFC 2928)",
    "2001:db8::/32": "documentation (RFC 3849)",
    "2002::/16": "6to4: any IPv4 address (RFC 3056)",
    "2620:4f:8000::/48": "AS112 (RFC 7534)",
    "3ffe::/16": "6bone, given back (RFC 3701)",
    "3fff::/20": "documentation (RFC 9637)",
    "5f00::/16": "segment routing (RFC 9602)",
    "fc00::/7": "unique local (RFC 4193)",
    "fe80::/10": "link-local (RFC 4291)",
    "fec0::/10": "site-local (RFC 3879)",
    "ff00::/8": "multicast (RFC 4291)",
}
"""Range → why it is not plainly public, and which document says so."""

_DENIED: Final = tuple((ip_network(text), why) for text, why in NOT_PUBLIC.items())
_UNICAST_6: Final = IPv6Network("2000::/3")
_ENDS_IN_A_NUMBER: Final = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?$")
_FORBIDDEN_IN_HOSTS: Final = re.compile(r"[\x00-\x20\x7f!\"#$%&'()*+,;<=>?@\[\\\]^`{|}~]")


class Egress(Struct, frozen=True):
    """What the operator opened beyond the public internet (POSTCALL_EGRESS_ALLOW), or what a voice agent
    narrowed itself to (`egress` of its document)."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def opened(self, host: str, address: str | None) -> bool:
        """This host is listed, or this address (an IP literal; None: not known)."""
        if _plain(host) in self.hosts:
            return True
        if address is None:
            return False
        found = _unmapped(address)
        return any(found in network for network in self.networks if network.version == found.version)

    def refusal(self, host: str, address: str) -> str | None:
        """Why a request to `host` may not go to `address` (an IP literal), or None if it may."""
        return None if self.opened(host, address) else _not_public(_unmapped(address))


def egress(allowed: Iterable[str]) -> Egress:
    """Read an operator's list of CIDRs, addresses and host names. Raises ValueError, naming the entry."""
    networks: list[Network] = []
    hosts: set[str] = set()
    for entry in (text.strip() for text in allowed):
        if not entry:
            continue
        if "/" in entry or _is_address(entry):
            networks.append(_network(entry))
        else:
            hosts.add(_host_name(entry))
    return Egress(tuple(networks), frozenset(hosts))


@lru_cache(maxsize=1024)
def narrowed(only: tuple[str, ...]) -> Egress:
    """The list of a voice agent's document, read once. Raises ValueError, as `egress` does."""
    return egress(only)


def url_fault(url: str) -> str | None:
    """What is wrong with a URL, in words that never quote its path, query or userinfo; None if it may
    be used. Asked when a document is loaded, and again after rendering."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "found a URL that does not parse; expected http(s)://HOST[:PORT]/…"
    if re.search(r"[\x00-\x20\x7f\\\ud800-\udfff]", url):
        return "found a character in the URL that no URL has; expected it percent-encoded"
    if parts.scheme not in ("http", "https"):
        return f"found the scheme {parts.scheme[:20]!r}; expected http or https"
    if port == 0:
        return "found port 0; expected 1 to 65535"
    return _authority_fault(parts)


def _authority_fault(parts: SplitResult) -> str | None:
    if "@" in parts.netloc:
        return "found credentials in the URL; expected them under `auth`"
    host = parts.hostname
    if not host:
        return "found no host in the URL; expected http(s)://HOST[:PORT]/…"
    if ":" in host or "[" in parts.netloc:
        return None if _is_address(host) and "%" not in host else "found an IPv6 address that does not parse"
    # Full-width digits and dots become ASCII on the way to the resolver.
    plain = normalize("NFKC", host).replace("\u3002", ".")
    if _FORBIDDEN_IN_HOSTS.search(plain):
        return "found a character in the host that no host name has"
    if ".." in f".{plain}":
        return "found an empty part in the host; expected a name such as api.example.com"
    if _ENDS_IN_A_NUMBER.search(plain) and not (plain == host and _is_address(host)):
        return "found an odd spelling of an IPv4 address; expected four decimal numbers, as in 192.0.2.1"
    return None


def _not_public(found: Address) -> str | None:
    for network, why in _DENIED:
        if found.version == network.version and found in network:
            return why
    if isinstance(found, IPv6Address) and found not in _UNICAST_6:
        return "outside the global unicast range (RFC 4291)"
    return None if found.is_global else "not global (IANA special-purpose registries)"


def _unmapped(address: str) -> Address:
    found = ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _network(entry: str) -> Network:
    try:
        return ip_network(entry)
    except ValueError as fault:
        raise ValueError(f"found {entry!r} among the allowed addresses: {fault}") from None


def _host_name(entry: str) -> str:
    if url_fault(f"http://{entry}/") is not None or ":" in entry:
        raise ValueError(f"found {entry!r}; expected a CIDR, an address or a host name, without a port")
    return _plain(entry)


def _plain(host: str) -> str:
    return host.lower().rstrip(".")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
