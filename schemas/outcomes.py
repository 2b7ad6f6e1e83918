"""How a call ended: the verdict, the rule that gave it, and what goes to `call-outcomes`."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct


class Verdict(StrEnum):
    """What a call came to. Only PROPER runs Post Call API nodes."""

    NOT_CONNECTED = "NOT_CONNECTED"
    PREMATURE = "PREMATURE"
    TRANSFERRED = "TRANSFERRED"
    PROPER = "PROPER"

    @property
    def rank(self) -> int:
        """Late evidence may only raise a verdict (R15)."""
        return _RANKS[self]


_RANKS: Final = {verdict: rank for rank, verdict in enumerate(Verdict)}


class Outcome(Struct, frozen=True, omit_defaults=True):
    """One verdict with its reasons, as 2-calls.md words them.

    `flags` are sorted. `ended_at` is None only when nothing but a synthetic end is known.
    `workflow_id`/`workflow_version` are the pinned ones, None when the call names none.
    """

    verdict: Verdict
    reason: str
    rule: str
    end_node_id: str | None = None
    flags: tuple[str, ...] = ()
    synthetic: bool = False
    ended_at: datetime | None = None


class Upgrade(Struct, frozen=True):
    """A verdict that late evidence raised (R15): from which, to which, by which rule's row."""

    before: Verdict
    after: Verdict
    rule: str
