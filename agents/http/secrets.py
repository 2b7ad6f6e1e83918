"""What `{{ secrets.NAME }}` stands for, looked up when a request is sent and never kept."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from agents.http.errors import Unsendable
from schemas.delivery import Secret, Text
from streams.hosts import covers, host_patterns

ENVIRONMENT: Final = "POSTCALL_SECRET_"
HOSTS_OF: Final = "POSTCALL_HOSTS_OF_"
HOSTS: Final = ".hosts"
FILE: Final = "_FILE"
NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class UnknownSecret(Unsendable):
    """A secret is named that neither the environment nor a file holds."""

    def __init__(self, name: str) -> None:
        super().__init__("bad_secret", f"found no secret {name!r}; expected {ENVIRONMENT}{name} or a file")
        self.name = name


class Elsewhere(Unsendable):
    """A secret is asked for that may not go to the host of the request."""

    def __init__(self, name: str, host: str) -> None:
        reason = f"found the secret {name!r} in a request to {host}; expected a host that it is bound to"
        super().__init__("secret_not_for_host", reason)


class Secrets:
    """The secrets of a worker: POSTCALL_SECRET_<NAME>, then the file that POSTCALL_SECRET_<NAME>_FILE
    names, then the file NAME in POSTCALL_SECRETS_DIR.

    POSTCALL_HOSTS_OF_<NAME>, or a file NAME.hosts in that folder, lists the hosts that a secret may go
    to; without a list it may go anywhere. Files are read each time, so that what was rotated is in force
    at once.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path | None = None) -> None:
        self._environment = environment
        self._folder = folder

    def value(self, name: str) -> str:
        """One secret. Raises UnknownSecret."""
        if not NAME.fullmatch(name) or name.endswith(FILE):
            raise UnknownSecret(name)
        plain = self._environment.get(ENVIRONMENT + name)
        if plain is not None:
            return _readable(name, plain)
        return _content(name, self._path(name))

    def opened(self) -> "Opened":
        """The secrets for one attempt."""
        return Opened(self)

    def check(self, name: str, host: str) -> None:
        """Refuse a secret to a host that is not among those it is bound to. Raises Elsewhere, Unsendable."""
        listed = self._hosts(name)
        if listed is None:
            return
        try:
            patterns = host_patterns(listed)
        except ValueError as fault:
            raise Unsendable("bad_secret", f"the hosts of {name!r}: {fault}") from None
        if not covers(patterns, host):
            raise Elsewhere(name, host)

    def _hosts(self, name: str) -> str | None:
        stated = self._environment.get(HOSTS_OF + name)
        if stated:
            return stated
        if self._folder is None:
            return None
        try:
            return (self._folder / f"{name}{HOSTS}").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError):
            # What cannot be read may have been a limit.
            raise Unsendable("bad_secret", f"found hosts of {name!r} that cannot be read") from None

    def _path(self, name: str) -> Path | None:
        named = self._environment.get(ENVIRONMENT + name + FILE)
        if named is not None:
            return Path(named)
        return None if self._folder is None else self._folder / name

    def __repr__(self) -> str:
        return "Secrets(…)"


class Opened:
    """The secrets that one attempt uses, each read once, so that all of the attempt sees the same value."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._values: dict[str, str] = {}

    def text(self, text: Text) -> str:
        """A rendered text with its secrets in it. Raises UnknownSecret."""
        if len(text) == 1 and isinstance(text[0], str):
            return text[0]
        return "".join(self._value(one.name) if isinstance(one, Secret) else one for one in text)

    def check(self, host: str) -> None:
        """Refuse a host that one of them may not go to. Raises Elsewhere, Unsendable."""
        for name in self._values:
            self._secrets.check(name, host)

    @property
    def values(self) -> frozenset[str]:
        """All that were used, for the mask."""
        return frozenset(self._values.values())

    def _value(self, name: str) -> str:
        if name not in self._values:
            self._values[name] = self._secrets.value(name)
        return self._values[name]

    def __repr__(self) -> str:
        return "Opened(…)"


def _readable(name: str, plain: str) -> str:
    """An environment may hold any bytes; those that are no UTF-8 come as surrogates, which nothing can send."""
    try:
        plain.encode()
    except UnicodeEncodeError:
        raise Unsendable("bad_secret", f"found the secret {name!r} not in UTF-8") from None
    return plain


def _content(name: str, path: Path | None) -> str:
    if path is None:
        raise UnknownSecret(name)
    try:
        # Editors and `echo` end files with a newline that is no part of the secret.
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeError):
        raise UnknownSecret(name) from None
