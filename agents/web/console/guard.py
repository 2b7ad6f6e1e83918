"""Who may see the console, and who may change something by it.

Every answer: only under a Host name of POSTCALL_WEB_HOSTS, which keeps out pages whose name was made to resolve
to us. With a token: `Authorization: Bearer`, or a cookie that `?token=` or the form of /login gave. Without one:
only whoever comes from this machine. What changes something is a POST, from our own origin, with the form's key
(or a Bearer header, which no foreign page can send).

A cookie holds no token: it is an end, a nonce and their MAC, so it holds at every worker that has the token.
"""

import hashlib
import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from schemas.settings import Settings

COOKIE: Final = "postcall_console"
SESSION_SECONDS: Final = 12 * 3600
FORM_KEY: Final = "key"
"""The field of a form that shows that we wrote the form."""


class Refused(Exception):
    """Not for whoever asks: a status, and why in words. `login` where a token would help."""

    def __init__(self, status: int, why: str, login: bool = False) -> None:
        super().__init__(why)
        self.status, self.why, self.login = status, why, login


class Guard:
    """Asks every request for its papers. Raises Refused."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        token = settings.web_token
        self._token = None if token is None else token.get_secret_value().encode()
        self._hosts = frozenset(name.strip("[]").lower() for name in settings.web_hosts)
        key = self._token if self._token is not None else secrets.token_bytes(32)
        self._key = hmac.digest(b"postcall console", key, hashlib.sha256)
        self._clock = clock

    @property
    def asks_for_token(self) -> bool:
        """A token is set."""
        return self._token is not None

    def look_at_host(self, request: web.Request) -> None:
        """The name that we were called by must be one of ours."""
        name = host_name(request.host)
        if name not in self._hosts:
            raise Refused(
                403,
                f"found the Host name {name[:80]!r}; expected one of POSTCALL_WEB_HOSTS, which the operator sets",
            )

    def look_at_origin(self, request: web.Request) -> None:
        """What changes something comes from a page of ours, or from no page at all."""
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc.lower() != request.host.lower():
            raise Refused(
                403, f"found a request from the origin {origin[:80]!r}; expected one from the console itself"
            )
        if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise Refused(403, "found a request that another site made; expected one from the console itself")

    def look_at_token(self, request: web.Request) -> None:
        """Only with a token, or, where none is set, from this machine."""
        if self._token is None:
            if not is_loopback(request.remote):
                raise Refused(
                    403,
                    "without POSTCALL_WEB_TOKEN the console serves only whoever comes from its own machine",
                )
        elif not (self._bearer(request) or self._session(request) is not None):
            raise Refused(401, "the console asks for its token", login=True)

    def look_at_form(self, request: web.Request, given: str) -> None:
        """A form that changes something must be one that we wrote, for this session."""
        if not (
            self._bearer(request) or hmac.compare_digest(given.encode(), self.form_key(request).encode())
        ):
            raise Refused(
                403, "found a form that this console did not write, or an old one; expected it sent again"
            )

    def knows(self, token: str) -> bool:
        """This is the token."""
        return self._token is not None and hmac.compare_digest(
            token.encode("utf-8", "surrogatepass"), self._token
        )

    def admit(self, request: web.Request, answer: web.Response) -> None:
        """Give whoever showed the token a cookie instead."""
        session = f"{int(self._clock()) + SESSION_SECONDS}.{secrets.token_urlsafe(16)}"
        answer.set_cookie(
            COOKIE,
            f"{session}.{self._mac('session', session)}",
            max_age=SESSION_SECONDS,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=request.secure or request.headers.get("X-Forwarded-Proto") == "https",
        )

    def form_key(self, request: web.Request) -> str:
        """What the forms of this session hold."""
        return self._mac("form", self._session(request) or "")

    def _bearer(self, request: web.Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self.knows(token.strip())

    def _session(self, request: web.Request) -> str | None:
        session, _, mac = request.cookies.get(COOKIE, "").rpartition(".")
        ends = session.partition(".")[0]
        good = hmac.compare_digest(mac.encode(), self._mac("session", session).encode())
        return session if good and ends.isdecimal() and int(ends) > self._clock() else None

    def _mac(self, what: str, text: str) -> str:
        return hmac.new(
            self._key, f"{what}:{text}".encode("utf-8", "surrogatepass"), hashlib.sha256
        ).hexdigest()


def host_name(host: str) -> str:
    """The name of a Host header, without its port."""
    name, _, port = host.rpartition(":")
    bare = name if name and (port.isdecimal() or not port) and not name.endswith(":") else host
    return bare.strip("[]").lower().rstrip(".")


def is_loopback(remote: str | None) -> bool:
    """An address of this machine itself."""
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
