"""Forgetting: settled calls are kept for `POSTCALL_REMEMBER`, then swept, a slice at a time.

A sweep is a message, so that it is folded between others and never holds a partition up for long.
"""

from datetime import datetime
from typing import Final

from agents.tenure import Tenure
from schemas.messages import Sweep
from streams.settling import forgotten_at

SLICE: Final = 500
"""Rows looked at in one go."""


def sweep(tenure: Tenure, message: Sweep) -> Sweep | None:
    """Forget one slice; the message for the next one, None when the partition is through."""
    last, looked_at = message.after, 0
    for key, call in list(tenure.table.sweep(message.after, SLICE)):
        last, looked_at = key, looked_at + 1
        since = forgotten_at(call)
        if since is not None and since < message.before:
            tenure.table.forget(call.call_id)
    return Sweep(last, message.before) if looked_at == SLICE else None


def first(before: datetime) -> Sweep:
    """The message that begins a sweep of what was settled before a moment."""
    return Sweep(b"", before)
