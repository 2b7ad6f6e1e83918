"""What is known of one conversation: a set of facts that grows the same in any order.

Owned by `streams/evidence.py`, which merges events into it, and read by `streams/lifecycle.py`.
"""

from datetime import datetime
from typing import Any

from msgspec import Struct


class Evidence(Struct, frozen=True, omit_defaults=True):
    """Facts of one incarnation of a call; a merge is commutative and idempotent."""

    last_event_at: datetime | None = None
    facts: dict[str, Any] = {}
