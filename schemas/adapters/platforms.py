"""The platforms whose payloads can be read."""

from collections.abc import Mapping
from typing import Final

from schemas.adapters.atoms import ATOMS
from schemas.adapters.elevenlabs import ELEVENLABS
from schemas.adapters.livekit import LIVEKIT
from schemas.adapters.retell import RETELL
from schemas.adapters.tables import Adapter
from schemas.adapters.telnyx import TELNYX
from schemas.adapters.twilio import TWILIO
from schemas.adapters.vapi import VAPI

PLATFORMS: Final[Mapping[str, Adapter]] = {
    adapter.platform: adapter for adapter in (ATOMS, ELEVENLABS, LIVEKIT, RETELL, TELNYX, TWILIO, VAPI)
}
