"""The keys of the table `calls`: one byte says which kind of row, so that a scan meets only its kind.

`l` is a live call, `s` a settled one, `p` a part of a live one. The call id of a part is prefixed
with its length, so that the parts of `a` and of `a#2` do not mix.
"""

from typing import Final

from schemas.calls import PartKey

LIVE: Final = b"l"
SETTLED: Final = b"s"
PART: Final = b"p"


def live(call_id: str) -> bytes:
    """The key of a call something of which is open, owed or under way."""
    return LIVE + _bytes(call_id)


def settled(call_id: str) -> bytes:
    """The key of a call of which only the memory is left."""
    return SETTLED + _bytes(call_id)


def part(key: PartKey) -> bytes:
    """The key of a part."""
    number = key.incarnation.to_bytes(4, "big") + key.sort.encode() + key.number.to_bytes(4, "big")
    return parts(key.call_id) + number


def parts(call_id: str) -> bytes:
    """What the keys of all parts of a call begin with."""
    name = _bytes(call_id)
    return PART + len(name).to_bytes(2, "big") + name


def call_id(key: bytes) -> str:
    """The call id of a live or settled row's key."""
    return key[1:].decode("utf-8", "surrogatepass")


def _bytes(call_id: str) -> bytes:
    return call_id.encode("utf-8", "surrogatepass")
