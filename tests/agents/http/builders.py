"""Requests and attempts for the tests of the sending side; they spell only what matters."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from agents.attempt import Attempts, Outbound
from agents.http.client import Client
from agents.http.guard import Guard
from agents.http.secrets import Secrets
from agents.http.transport import GuardedTransport
from schemas.delivery import Keep, Request, Secret, Text
from schemas.workflow import Schedule
from streams.egress import egress

ALL = Keep(body=True)


def text(written: str) -> Text:
    """`a <NAME> b` is a text with a reference to the secret NAME."""
    parts = written.replace(">", "<").split("<")
    return tuple(Secret(part) if number % 2 else part for number, part in enumerate(parts) if part)


def request(url: str, seconds: float = 0.5, **fields: Any) -> Request:
    """A POST of `{}` to a URL."""
    headers = tuple((name, text(value)) for name, value in fields.pop("headers", {}).items())
    plain: dict[str, Any] = {"method": "POST", "body": b"{}", "retry": Schedule(()), "keep": ALL}
    return Request(url=text(url), headers=headers, timeout=timedelta(seconds=seconds), **{**plain, **fields})


def outbound(sent: Request, attempt: int = 1, replay: bool = False) -> Outbound:
    """The attempt of a request."""
    return Outbound("call-1", "abc", "node", attempt, "http://a.example:80", sent, "agent", replay)


def transport(*allowed: str) -> GuardedTransport:
    """The worker's transport, opened for loopback."""
    return GuardedTransport(Guard(egress(allowed or ("127.0.0.1",))))


def attempts(
    through: httpx.AsyncBaseTransport | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Attempts:
    """What makes attempts; the secrets of `environment` are stated without their prefix."""
    named = {f"POSTCALL_SECRET_{name}": value for name, value in (environment or {}).items()}
    named |= variables or {}
    return Attempts(Client(through or transport()), Secrets(named, folder), lambda: datetime.now(UTC))
