"""From the settings to what the rules are given."""

import logging
from collections.abc import Iterable
from importlib.metadata import version
from typing import Final

from schemas.settings import Settings
from schemas.workflow import VoiceAgent
from streams.effects import Policy
from streams.lifecycle import Durations

log = logging.getLogger(__name__)

PLAIN_HASHES: Final = (
    "found hashes of personal data without POSTCALL_PRIVACY_KEY; expected a key, because what has few possible "
    "values, such as a phone number, can be guessed from a plain hash"
)


def warn_of_plain_hashes(settings: Settings, agents: Iterable[VoiceAgent]) -> None:
    """Say in the log which voice agents' hashes have no key."""
    hashing = sorted(agent.id for agent in agents if "hash" in agent.privacy)
    if hashing and settings.privacy_key is None:
        log.warning(PLAIN_HASHES, extra={"agents": hashing})


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
