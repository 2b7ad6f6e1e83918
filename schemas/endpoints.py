"""What all workers know of one endpoint, beside what each has seen of it for itself.

A mark is a record `endpoint/<agent>/<node or type>` of the workflows topic, so it survives restarts and is
obeyed by every worker. Breakers, pauses, rates and limits are each worker's own, and in memory.
"""

from datetime import datetime
from typing import Final

from msgspec import Struct

DISABLED: Final = "disabled"
"""The error of an attempt that was not made because its endpoint is disabled."""


class Mark(Struct, frozen=True, omit_defaults=True):
    """What all workers obey about one endpoint."""

    disabled: bool = False
    """Deliveries to it are dead letters at once."""
    failing_since: datetime | None = None
    why: str | None = None


def endpoint_name(agent_id: str, of: str) -> str:
    """How an endpoint is named: `<agent>/<node or type>`; `of` is a node id or webhook event type."""
    return f"{agent_id}/{of}"
