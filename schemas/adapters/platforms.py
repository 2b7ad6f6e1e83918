"""The platforms whose payloads can be read."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from schemas.adapters.atoms import ATOMS
from schemas.adapters.elevenlabs import ELEVENLABS
from schemas.adapters.livekit import LIVEKIT
from schemas.adapters.retell import RETELL
from schemas.adapters.tables import Adapter
from schemas.adapters.telnyx import TELNYX
from schemas.adapters.twilio import TWILIO
from schemas.adapters.vapi import VAPI

_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")

PLATFORMS: Final[Mapping[str, Adapter]] = {
    adapter.platform: adapter for adapter in (ATOMS, ELEVENLABS, LIVEKIT, RETELL, TELNYX, TWILIO, VAPI)
}


def tables(words: Iterable[str]) -> dict[str, Adapter]:
    """The table of each topic, as `topic=platform` names them. Raises ValueError."""
    found: dict[str, Adapter] = {}
    for word in words:
        topic, _, platform = word.partition("=")
        if not _TOPIC.fullmatch(topic) or platform not in PLATFORMS:
            raise ValueError(
                f"found {word[:120]!r}; expected TOPIC=PLATFORM, the platform one of {', '.join(sorted(PLATFORMS))}"
            )
        if topic in found:
            raise ValueError(f"found {topic!r} twice; expected one platform for a topic")
        found[topic] = PLATFORMS[platform]
    return found
