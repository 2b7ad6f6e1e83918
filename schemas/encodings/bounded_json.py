"""JSON from strangers: refused before it can hurt.

What passes can be parsed, kept, and written again by anything here. Size, depth and whole numbers are
checked on the bytes, because parsers recurse, and turn 2⁷⁰ into a float without a word.
"""

import re
from itertools import accumulate
from typing import Any, Final

from schemas.wire import json_value

MOST_BYTES: Final = 1024 * 1024
MOST_DEPTH: Final = 64

_INTEGERS: Final = range(-(2**63), 2**64)
"""What JSON here and MessagePack can hold as whole numbers."""

_ESCAPES: Final = re.compile(rb"\\.", re.DOTALL)
_LONG_INTEGER: Final = re.compile(rb"(?<![0-9.eE+])-?[0-9]{19,}(?![0-9.eE])")
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_ONE_SORT: Final = bytes.maketrans(b"{}", b"[]")
_STEPS: Final = {ord("["): 1, ord("]"): -1}
_NOT_BRACKETS: Final = bytes(byte for byte in range(256) if byte not in b"[]{}")


class Unreadable(ValueError):
    """An event that cannot be understood; the message says what was found and what was expected."""


def bounded_json(text: bytes) -> Any:
    """The JSON value of a text. Raises Unreadable for what is no JSON, over 1 MiB, nested over 64 levels
    deep, or contains a NUL, half a surrogate pair, or a number beyond 64 bits."""
    check(text)
    try:
        return json_value(text)
    except ValueError as why:
        raise Unreadable(f"found no JSON ({_said(why)}); expected a JSON object in UTF-8") from None


def check(text: bytes) -> None:
    """What can be seen of a text before it is parsed: its size, its depth, long numbers and NULs. Raises
    Unreadable."""
    if len(text) > MOST_BYTES:
        raise Unreadable(f"found {len(text)} bytes; expected at most {MOST_BYTES}")
    if text.count(b"[") + text.count(b"{") > MOST_DEPTH:
        _check_depth(text)
    if b"0" * 19 in text.translate(_DIGITS):
        _check_integers(text)
    if b"\\u0000" in text and b"\\u0000" in text.replace(b"\\\\", b""):
        raise Unreadable("found a NUL character; expected text without")


def _check_depth(text: bytes) -> None:
    """Runs of opening brackets settle the monsters; else the deepest point is counted."""
    shape = _unquoted(text).translate(_ONE_SORT, _NOT_BRACKETS)
    if (
        b"[" * (MOST_DEPTH + 1) in shape
        or max(accumulate(map(_STEPS.__getitem__, shape)), default=0) > MOST_DEPTH
    ):
        raise Unreadable(f"found nesting over {MOST_DEPTH} levels deep; expected at most {MOST_DEPTH}")


def _check_integers(text: bytes) -> None:
    for digits in _LONG_INTEGER.findall(_unquoted(text)):
        if len(digits) > 21 or int(digits) not in _INTEGERS:
            raise Unreadable("found a whole number beyond 64 bits; expected -2^63 to 2^64-1")


def _unquoted(text: bytes) -> bytes:
    """The text without its strings."""
    if b"\\" in text:
        text = _ESCAPES.sub(b"", text)
    return b'""'.join(text.split(b'"')[::2])


def _said(why: ValueError) -> str:
    return str(why).partition(" (char")[0][:120]
