"""Taking resolved secrets out of what a receiver says: receivers echo what they were sent."""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cached_property
from json import dumps
from typing import Any, Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"


class Mask:
    """Takes resolved secrets out of what a receiver echoes: plain, base64, percent-encoded or escaped."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = frozenset(secrets) - {""}

    def __call__(self, value: Any) -> Any:
        """The same JSON value without the secrets, in texts, keys and numbers."""
        match value:
            case str():
                return self._any.sub(MASK, value) if self._secrets else value
            case dict():
                return {self(key): self(one) for key, one in value.items()}
            case list():
                return [self(one) for one in value]
            case bool() | None:
                return value
            case int() | float():
                return MASK if str(value) in self._secrets else value
            case _:
                return value

    @cached_property
    def _any(self) -> re.Pattern[str]:
        # Most answers are not kept at all, so this waits until something is to be masked.
        spellings = {spelling for secret in self._secrets for spelling in _spellings(secret)}
        # The longest first: a shorter spelling may be part of it.
        return re.compile("|".join(map(re.escape, sorted(spellings, key=len, reverse=True))))


SHORTEST_CORE: Final = 6
"""Signs. What is shorter stands in any base64 by chance."""


def _spellings(secret: str) -> tuple[str, ...]:
    encoded = b64encode(secret.encode()).decode()
    return (
        secret,
        encoded,
        encoded.rstrip("="),
        _url_safe(encoded).rstrip("="),
        *_within_base64(secret.encode()),
        quote(secret, safe=""),
        quote(secret, safe="").lower(),
        quote(secret),
        quote_plus(secret),
        dumps(secret)[1:-1],
    )


def _within_base64(secret: bytes) -> Iterator[str]:
    """The signs that are the secret's alone where it is encoded with what stands around it, as in
    base64("Bearer …"): three bytes are four signs, so there are three ways for it to lie."""
    for before in range(3):
        encoded = b64encode(bytes(before) + secret).decode()
        mixed = (0, 2, 3)[before]
        core = encoded[mixed : (before + len(secret)) * 8 // 6]
        if len(core) >= SHORTEST_CORE:
            yield core
            yield _url_safe(core)


def _url_safe(encoded: str) -> str:
    return encoded.translate(str.maketrans("+/", "-_"))
