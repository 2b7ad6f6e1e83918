"""The `traceparent` of a request: the trace that the call's events belong to, else one of the call's own.

postcall makes no spans, so it hands on the parent that it was told: what the endpoint does hangs under
whoever produced the event (W3C Trace Context, 3.2).
"""

import re
from typing import Final

from schemas.events import short_hash

LENGTH: Final = 55
"""Characters of a traceparent of version 00; later versions begin alike and may go on after a hyphen."""

_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})", re.ASCII
)


def traceparent(stated: str | None, call_id: str, delivery_id: str) -> str:
    """The stated trace as version 00, or, where it is none, one that all deliveries of a call share."""
    known = None if stated is None else _TRACEPARENT.fullmatch(stated[:LENGTH])
    if stated is not None and known is not None and _ends_well(stated):
        return f"00-{known[1]}"
    return f"00-{short_hash(call_id, size=16).hex()}-{short_hash(delivery_id).hex()}-00"


def _ends_well(stated: str) -> bool:
    return len(stated) == LENGTH or (stated[LENGTH] == "-" and not stated.startswith("00"))
