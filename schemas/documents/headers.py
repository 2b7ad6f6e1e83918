"""Which headers a document may set."""

import re
from typing import Final

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}", re.ASCII)
"""A field name of RFC 9110, 5.1."""

RESERVED: Final = frozenset(
    [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "cookie",
        "traceparent",
        "user-agent",
        "idempotency-key",
    ]
)
RESERVED_PREFIXES: Final = ("proxy-", "webhook-", "postcall-")
"""postcall sets them, or the connection does."""


def wrong_with_name(name: str) -> str | None:
    """What is wrong with a header name, as `found …; expected …`; None if nothing is."""
    if not _TOKEN.fullmatch(name):
        return "found an odd header name; expected letters, digits and hyphens"
    if name.lower() in RESERVED or name.lower().startswith(RESERVED_PREFIXES):
        return f"found the reserved header {name.lower()}; expected a header that postcall does not set"
    return None
