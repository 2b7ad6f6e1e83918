"""How a receiver knows that a request is ours: Standard Webhooks signatures, and the older X-Signature.

The signed content is `id.timestamp.body` (the Standard Webhooks specification), so an id must not
hold a dot. The timestamp is the attempt's, not the event's: receivers refuse one over five minutes old.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from datetime import datetime
from hmac import digest, new
from typing import Final

KEY_PREFIX: Final = "whsec_"


class BadKey(ValueError):
    """A signing key cannot be read. The message never shows it."""


def signature_headers(
    delivery_id: str, attempt: int, at: datetime, body: bytes, keys: Sequence[bytes], x_signature: bool
) -> dict[str, str]:
    """The headers that differ by attempt: its number, its time, and its signatures when there are keys.

    All keys sign, in the order given, so that a receiver may hold the old or the new one during a
    rotation. `X-Signature` is the hex HMAC-SHA256 of the raw body under the first key.
    """
    seconds = str(int(at.timestamp()))
    headers = {"webhook-timestamp": seconds, "postcall-attempt": str(attempt)}
    if not keys:
        return headers
    content = b"%s.%s.%s" % (delivery_id.encode(), seconds.encode(), body)
    headers["webhook-signature"] = " ".join(f"v1,{_mac(key, content)}" for key in keys)
    if x_signature:
        headers["X-Signature"] = hex_hmac(keys[0], body)
    return headers


def key_bytes(secret: str) -> bytes:
    """The bytes of a signing key: what follows `whsec_` is base64, any other text is its own UTF-8
    bytes. Raises BadKey."""
    if not secret.startswith(KEY_PREFIX):
        return _not_empty(secret.encode())
    encoded = secret[len(KEY_PREFIX) :].strip()
    try:
        # Keys are often copied without their padding.
        return _not_empty(b64decode(encoded + "=" * (-len(encoded) % 4), validate=True))
    except (NotBase64, ValueError):
        raise BadKey("found a signing key whose part after 'whsec_' is not base64") from None


def hex_hmac(key: bytes, body: bytes, algorithm: str = "sha256") -> str:
    """The hex HMAC of a raw body. Raises ValueError for an algorithm that hashlib does not know."""
    return new(key, body, algorithm).hexdigest()


def _mac(key: bytes, content: bytes) -> str:
    return b64encode(digest(key, content, "sha256")).decode()


def _not_empty(key: bytes) -> bytes:
    if not key:
        raise BadKey("found an empty signing key; expected at least one byte")
    return key
