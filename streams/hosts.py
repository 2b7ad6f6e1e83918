"""Which hosts a secret may go to, as its keeper lists them."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

_NAME: Final = re.compile(r"(?:\*\.)?(?![0-9.]*\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)


def host_patterns(listed: str) -> tuple[str, ...]:
    """The entries of a list, between commas or line breaks: host names, addresses, or `*.example.com`,
    which is any name below example.com. Raises ValueError, naming the entry, also for an empty list."""
    patterns = tuple(_pattern(entry) for part in re.split(r"[,\n]", listed) if (entry := part.strip()))
    if not patterns:
        raise ValueError("found no host; expected at least one")
    return patterns


def covers(patterns: Iterable[str], host: str) -> bool:
    """Whether a host (a name in ASCII, or an address) is one of those listed."""
    plain = _plain(host)
    return any(
        plain.endswith(pattern[1:]) if pattern.startswith("*.") else plain == pattern for pattern in patterns
    )


def _pattern(entry: str) -> str:
    plain = _plain(entry)
    if not _is_address(plain) and not _NAME.fullmatch(plain):
        raise ValueError(
            f"found {entry[:80]!r}; expected a host name in ASCII such as api.example.com or *.example.com"
        )
    return plain


def _plain(host: str) -> str:
    bare = host.strip("[]").lower().rstrip(".")
    return str(ip_address(bare)) if _is_address(bare) else bare


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
