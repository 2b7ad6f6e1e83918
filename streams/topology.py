"""Which topics there are, and on which partition a call is at home."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

CALL_EVENTS: Final = "call-events"
WORKFLOWS: Final = "workflows"
CALL_OUTCOMES: Final = "call-outcomes"
DELIVERY_LOG: Final = "delivery-log"
DEAD_LETTERS: Final = "dead-letters"

KEYS_IN_MIND: Final = 16_384
"""Keys whose partition is not worked out again: those of calls of which much is said at the moment."""

OUTPUTS: Final = (CALL_OUTCOMES, DELIVERY_LOG, DEAD_LETTERS)


@dataclass(frozen=True, slots=True)
class Topics:
    """The names on the broker: public ones with the prefix, the engine's own with the app id."""

    app_id: str
    prefix: str = ""

    def public(self, name: str) -> str:
        """The broker's name of one of the topics above."""
        return f"{self.prefix}{name}"

    @property
    def internal(self) -> str:
        """What the engine says to itself; as many partitions as call-events."""
        return f"{self.app_id}-internal"

    @property
    def changelog(self) -> str:
        """The changelog of the table `calls`."""
        return f"{self.app_id}-calls-changelog"


def home(call_id: str, partitions: int) -> int:
    """The partition of a call: that of its id as a key."""
    return partition_of(call_id.encode("utf-8", "surrogatepass"), partitions)


@lru_cache(maxsize=KEYS_IN_MIND)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a record: that of Java's default partitioner, murmur2(key) mod partitions.

    Source: org.apache.kafka.common.utils.Utils.murmur2 and toPositive.
    """
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(key: bytes) -> int:
    """The 32-bit MurmurHash2 of a key, with Kafka's seed."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    length = len(key)
    result = (0x9747B28C ^ length) & mask
    whole = length & ~3
    for start in range(0, whole, 4):
        word = (int.from_bytes(key[start : start + 4], "little") * multiplier) & mask
        word = ((word ^ (word >> 24)) * multiplier) & mask
        result = ((result * multiplier) & mask) ^ word
    if length > whole:
        result = ((result ^ int.from_bytes(key[whole:], "little")) * multiplier) & mask
    result = ((result ^ (result >> 13)) * multiplier) & mask
    return result ^ (result >> 15)
