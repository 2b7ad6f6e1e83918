"""What `{{ secrets.NAME }}` stands for, looked up when a request is sent and never kept."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cached_property
from json import dumps
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus

from agents.http.errors import Unsendable
from schemas.delivery import Secret, Text

ENVIRONMENT: Final = "POSTCALL_SECRET_"
FILE: Final = "_FILE"
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
MASK: Final = "***"


class UnknownSecret(Unsendable):
    """A secret is named that neither the environment nor a file holds."""

    def __init__(self, name: str) -> None:
        super().__init__("bad_secret", f"found no secret {name!r}; expected {ENVIRONMENT}{name} or a file")
        self.name = name


class Secrets:
    """The secrets of a worker: POSTCALL_SECRET_<NAME>, then the file that POSTCALL_SECRET_<NAME>_FILE
    names, then the file NAME in POSTCALL_SECRETS_DIR. Files are read each time, so that a rotated
    secret is in force at once."""

    def __init__(self, environment: Mapping[str, str], folder: Path | None = None) -> None:
        self._environment = environment
        self._folder = folder

    def text(self, text: Text) -> str:
        """A rendered text with its secrets in it. Raises UnknownSecret."""
        return "".join(self.value(one.name) if isinstance(one, Secret) else one for one in text)

    def values(self, texts: Iterable[Text]) -> frozenset[str]:
        """The resolved secrets in some texts, for the mask. Raises UnknownSecret."""
        return frozenset(self.value(one.name) for text in texts for one in text if isinstance(one, Secret))

    def value(self, name: str) -> str:
        """One secret. Raises UnknownSecret."""
        if not NAME.fullmatch(name) or name.endswith(FILE):
            raise UnknownSecret(name)
        plain = self._environment.get(ENVIRONMENT + name)
        if plain is not None:
            return plain
        return _content(name, self._path(name))

    def _path(self, name: str) -> Path | None:
        named = self._environment.get(ENVIRONMENT + name + FILE)
        if named is not None:
            return Path(named)
        return None if self._folder is None else self._folder / name

    def __repr__(self) -> str:
        return "Secrets(…)"


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


def _content(name: str, path: Path | None) -> str:
    if path is None:
        raise UnknownSecret(name)
    try:
        # Editors and `echo` end files with a newline that is no part of the secret.
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeError):
        raise UnknownSecret(name) from None
