"""The durations that a judgement counts with: those of the settings that the workers ran with."""

import re
from dataclasses import dataclass
from typing import Any, Final

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


@dataclass(frozen=True, slots=True)
class Rules:
    """All in seconds."""

    grace: float = 3.0
    clock_tolerance: float = 2.0
    upgrade_window: float = 600.0
    ready_deadline: float = 300.0
    lost_queued: float = 86_400.0
    lost_ringing: float = 120.0
    lost_live: float = 3660.0
    lost_after_end_node: float = 60.0
    pacing: float = 0.5
    """An event this near the end of a timer may be handled on either side of it."""
    slack: float = 60.0
    """How long after its time something may still come before it counts as lost."""


def span(text: Any) -> float | None:
    """Seconds of a duration as documents write it, such as `250ms` or `10m`; None of anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text) if isinstance(text, str) else None
    return None if found is None else float(found[1]) * _UNITS[found[2]]
