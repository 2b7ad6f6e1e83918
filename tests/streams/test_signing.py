"""Receivers that follow Standard Webhooks can verify what we sign."""

import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as some
from standardwebhooks import Webhook, WebhookVerificationError

from streams.signing import BadKey, key_bytes, signature_headers

KEY, OLD_KEY = b"k" * 32, b"o" * 32
BODY = b'{"type":"call.ended"}'


def headers(
    at: datetime | None = None, keys: tuple[bytes, ...] = (KEY,), body: bytes = BODY
) -> dict[str, str]:
    signed = signature_headers("abc", 3, at or datetime.now(UTC), body, keys, x_signature=True)
    return {"webhook-id": "abc", **signed}


def receiver(key: bytes) -> Webhook:
    return Webhook("whsec_" + b64encode(key).decode())


@given(some.text())
def test_the_reference_library_verifies_our_signature(text: str) -> None:
    # The library reads the body as JSON once it is verified.
    body = b'{"text":"' + text.encode("utf-8", "replace").hex().encode() + b'"}'
    receiver(KEY).verify(body, headers(body=body))


def test_a_body_that_was_changed_does_not_verify() -> None:
    with pytest.raises(WebhookVerificationError):
        receiver(KEY).verify(BODY + b" ", headers())


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
def test_during_a_rotation_either_key_verifies(key: bytes) -> None:
    receiver(key).verify(BODY, headers(keys=(KEY, OLD_KEY)))


def test_the_moment_is_the_same_in_every_time_zone() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert headers(at) == headers(at.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert headers(at)["webhook-timestamp"] == "1767323045"


def test_x_signature_is_the_hex_hmac_of_the_raw_body() -> None:
    assert headers()["X-Signature"] == hmac.new(KEY, BODY, "sha256").hexdigest()


def test_without_a_key_only_the_time_and_the_attempt_are_stated() -> None:
    assert set(headers(keys=())) == {"webhook-id", "webhook-timestamp", "postcall-attempt"}
    assert headers(keys=())["postcall-attempt"] == "3"


@pytest.mark.parametrize("padding", ["=", ""])
def test_what_follows_whsec_is_base64_with_or_without_its_padding(padding: str) -> None:
    assert key_bytes("whsec_" + b64encode(KEY).decode().rstrip("=") + padding) == KEY


def test_any_other_key_is_its_own_bytes() -> None:
    assert key_bytes("pässwort") == "pässwort".encode()


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_not base64!", "whsec_ä"])
def test_a_key_that_cannot_be_read_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(BadKey) as refusal:
        key_bytes(secret)
    assert "not base64!" not in str(refusal.value)
