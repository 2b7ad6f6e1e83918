"""What is kept of an answer: what later templates name, without the secrets that it echoes."""

from collections.abc import Mapping
from datetime import datetime

from agents.http.client import Exchange
from agents.http.mask import Mask
from schemas.delivery import Answered, Keep
from streams.extract import extract
from streams.judge import ABORT, DISABLE
from streams.retry import retry_after


def answered(exchange: Exchange, keep: Keep, mask: Mask, now: datetime) -> Answered:
    """The reply that an exchange comes to. A body that was cut, late or compressed is not used at all:
    half a document must not pass for the whole, and nothing is ever inflated."""
    pairs = [
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in exchange.headers.raw
    ]
    headers = dict(pairs)
    complete = exchange.complete and not _compressed(headers)
    body = exchange.body if complete else b""
    kept = extract(keep, pairs, body, headers.get("content-type"))
    # Masked after it was read: a mask inside JSON could spoil it.
    return Answered(
        status=exchange.status,
        headers=mask(kept.headers),
        body=mask(kept.body),
        extracted=mask(kept.extracted),
        complete=complete,
        retry_after=retry_after(headers.get("retry-after"), now),
        control=_control(headers),
    )


def _compressed(headers: Mapping[str, str]) -> bool:
    return headers.get("content-encoding", "identity").strip().lower() not in ("identity", "")


def _control(headers: Mapping[str, str]) -> str | None:
    word = headers.get("webhook-delivery", "").strip().lower()
    return word if word in (DISABLE, ABORT) else None
