"""What a receiver recognises a delivery by: the same on every attempt and replay, unlike any other.

A delivery id is a hash of its key (R18): never of the URL or the workflow version, so that a changed
document does not send the same thing twice. It is what `webhook-id` and `idempotency-key` carry, and
holds no dot, because a dot separates the parts that a signature covers.
"""

import re
from typing import Final
from urllib.parse import quote

from schemas.events import short_hash


def of_node(call_id: str, incarnation: int, node_id: str) -> str:
    """The id of a Post Call API node's request: one per call, incarnation and node."""
    return _id(call_id, incarnation, "node", node_id)


def of_event(
    call_id: str, incarnation: int, source: str, event_id: str, agent_id: str, webhook_type: str
) -> str:
    """The id of a webhook that an event sets off."""
    return _id(call_id, incarnation, "event", source, event_id, agent_id, webhook_type)


def of_outcome(
    call_id: str, incarnation: int, outcome_type: str, verdict: int, agent_id: str, replays: int = 0
) -> str:
    """The id of a webhook that a verdict sets off; `verdict` is its number, and `replays` how many there
    were, so that the `call.settled` of an upgrade or a replay is not taken for the first one."""
    again = (str(replays),) if replays else ()
    return _id(call_id, incarnation, "outcome", outcome_type, str(verdict), agent_id, *again)


def in_header(word: str) -> str:
    """A call id or an event type as headers carry it: percent-encoded but for letters, digits and `-._~`."""
    return word if _PLAIN.fullmatch(word) else quote(word, safe="", errors="surrogatepass")


_PLAIN: Final = re.compile(r"[A-Za-z0-9._~-]*")


def _id(call_id: str, incarnation: int, *key: str) -> str:
    digest = short_hash(call_id, str(incarnation), *key, size=16)
    # Base32 (RFC 4648) in lower case, without its padding, two signs at a time.
    bits = int.from_bytes(digest, "big") << 2
    return "".join([_PAIRS[bits >> shift & 0x3FF] for shift in range(120, -1, -10)])


_SIGNS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = tuple(first + second for first in _SIGNS for second in _SIGNS)
