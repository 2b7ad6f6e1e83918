"""What the platform says about a call: the event envelope, its types, its end reasons.

The readers of the three encodings (plain JSON, CloudEvents structured and binary) are in
`schemas/encodings/reading.py`; here is what all of them come to.
"""

from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct

CALL_ENDED: Final = "call.ended"

SETUP_TYPES: Final = frozenset({"call.queued", "call.initiated", "call.ringing", "call.answered"})
CONVERSATION_TYPES: Final = frozenset(
    {"conversation.started", "node.entered", "variables.updated", "turn.completed", "closing.spoken"}
)
SPECIAL_TYPES: Final = frozenset({"voicemail.detected", "agent.error"})
TRANSFER_TYPES: Final = frozenset(
    {"transfer.started", "transfer.bridged", "transfer.failed", "transfer.ended"}
)
ENRICHING_TYPES: Final = frozenset({"transcript.ready", "recording.ready", "analytics.completed"})
"""They come after the end and only add data (R16)."""

EVENT_TYPES: Final = (
    SETUP_TYPES | CONVERSATION_TYPES | SPECIAL_TYPES | TRANSFER_TYPES | ENRICHING_TYPES | {CALL_ENDED}
)
"""The canonical types. Others are kept and counted, never fatal."""

DATA_TYPES: Final = frozenset({"variables.updated", "turn.completed"}) | ENRICHING_TYPES
"""Events whose `data` templates read; each is kept as a part of the call, written once."""


class Event(Struct, frozen=True, omit_defaults=True):
    """One thing that somebody says about a call.

    `id` is the producer's, or a hash of what makes the event itself when there is none.
    `recorded_at` is Kafka's time of the record; `occurred_at` falls back to it.
    `extra` keeps the envelope fields that postcall does not know.
    """

    id: str
    type: str
    call_id: str
    occurred_at: datetime
    recorded_at: datetime
    agent_id: str | None = None
    source: str = ""
    seq: int | None = None
    workflow_id: str | None = None
    workflow_version: int | None = None
    direction: str | None = None
    channel: str | None = None
    is_test: bool | None = None
    attempt: int | None = None
    session_id: str | None = None
    traceparent: str | None = None
    data: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    taken_for: tuple[str, ...] = ()
    """The voice agents whose privacy rules have changed `data` and `extra`."""

    @property
    def fingerprint(self) -> bytes:
        """The dedupe key, 8 bytes: a hash over the length-prefixed (call_id, source, id)."""
        return short_hash(self.call_id, self.source, self.id)


def short_hash(*words: str, size: int = 8) -> bytes:
    """Hash words so that no two different lists of words read the same (each is length-prefixed)."""
    hashed = blake2b(digest_size=size)
    for word in words:
        encoded = word.encode("utf-8", "surrogatepass")
        hashed.update(len(encoded).to_bytes(4, "big") + encoded)
    return hashed.digest()
