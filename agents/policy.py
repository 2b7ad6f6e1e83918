"""From the settings to what the rules are given."""

from importlib.metadata import version

from schemas.settings import Settings
from streams.effects import Policy
from streams.lifecycle import Durations


def policy(settings: Settings) -> Policy:
    """What of the settings the rules need."""
    durations = Durations(
        grace=settings.grace,
        clock_tolerance=settings.clock_tolerance,
        lost_queued=settings.lost_queued,
        lost_ringing=settings.lost_ringing,
        lost_live=settings.lost_live,
        lost_after_end_node=settings.lost_after_end_node,
        upgrade_window=settings.upgrade_window,
    )
    key = settings.privacy_key
    return Policy(
        durations,
        settings.ready_deadline,
        f"postcall/{version('postcall')}",
        b"" if key is None else key.get_secret_value().encode(),
    )
