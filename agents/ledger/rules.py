"""The durations that a judgement counts with: those of the settings that the workers ran with."""

from dataclasses import dataclass


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
