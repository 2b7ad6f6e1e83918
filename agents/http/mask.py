"""Taking resolved secrets out of what a receiver says: receivers echo what they were sent."""

import re
from base64 import b64encode
from collections.abc import Iterable
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


def _spellings(secret: str) -> tuple[str, ...]:
    encoded = b64encode(secret.encode()).decode()
    return (
        secret,
        encoded,
        encoded.rstrip("="),
        encoded.translate(str.maketrans("+/", "-_")).rstrip("="),
        quote(secret, safe=""),
        quote(secret, safe="").lower(),
        quote(secret),
        quote_plus(secret),
        dumps(secret)[1:-1],
    )
