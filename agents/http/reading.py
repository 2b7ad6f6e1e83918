"""What is kept of an answer: what later templates name, without the secrets that it echoes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jsonpath

from agents.http.client import Exchange
from agents.http.secrets import Mask
from schemas.delivery import Answered, Keep
from schemas.wire import json_value
from streams.judge import ABORT, DISABLE
from streams.retry import retry_after


def answered(exchange: Exchange, keep: Keep, mask: Mask, now: datetime) -> Answered:
    """The reply that an exchange comes to. A body that was cut or late is not used at all: half a
    document must not pass for the whole."""
    headers = {name: exchange.headers[name] for name in keep.headers if name in exchange.headers}
    body, extracted = _content(exchange, keep)
    return Answered(
        status=exchange.status,
        headers=mask(headers),
        body=mask(body),
        extracted=mask(extracted),
        complete=exchange.complete,
        retry_after=retry_after(exchange.headers.get("retry-after"), now),
        control=_control(exchange.headers),
    )


def _control(headers: Mapping[str, str]) -> str | None:
    word = headers.get("webhook-delivery", "").strip().lower()
    return word if word in (DISABLE, ABORT) else None


def _content(exchange: Exchange, keep: Keep) -> tuple[Any, dict[str, Any]]:
    if not exchange.complete or not (keep.body or keep.extract):
        return None, {}
    value = _value(exchange.body)
    extracted: dict[str, Any] = {}
    for name, path in keep.extract.items():
        if isinstance(value, (dict, list)):
            found = jsonpath.findall(path, value)
            extracted |= {name: found[0]} if found else {}
    return (value if keep.body else None), extracted


def _value(body: bytes) -> Any:
    try:
        return json_value(body)
    except ValueError:
        return body.decode("utf-8", "replace")
