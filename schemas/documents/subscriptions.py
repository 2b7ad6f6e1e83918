"""What a webhook can subscribe to: the canonical event types, the outcomes, and the old names."""

from typing import Final

from schemas.events import CALL_ENDED, EVENT_TYPES

OUTCOME_TYPES: Final = frozenset(
    f"call.{outcome}"
    for outcome in [
        "ended",
        "completed",
        "failed",
        "busy",
        "no_answer",
        "cancelled",
        "voicemail",
        "transferred",
        "premature",
        "lost",
        "outcome_upgraded",
        "settled",
    ]
)
"""They fire by verdict, `call.ended` among them (once per verdict, however many terminal events came)."""

WEBHOOK_TYPES: Final = EVENT_TYPES | OUTCOME_TYPES

ALIASES: Final = {
    "pre-conversation": "conversation.started",
    "post-conversation": CALL_ENDED,
    "analytics-completed": "analytics.completed",
}


def canonical(name: str) -> str | None:
    """The canonical type of a name, None where there is no such type."""
    name = ALIASES.get(name, name)
    return name if name in WEBHOOK_TYPES else None
