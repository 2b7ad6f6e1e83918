"""The endpoints of the console's list: how the last requests to each went, and what all workers obey."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from schemas.endpoints import Mark
from streams.console.calls import Said

Health: TypeAlias = Literal["disabled", "failing", "uneven", "well"]
"""Gets nothing until somebody resumes it · its last request failed, or workers say so · some of the last
requests failed · none did."""

LAST: Final = 256
"""Attempts of each endpoint that its health and latency are read from."""


@dataclass(slots=True)
class EndpointRow:
    """One scheme://host[:port], and its last attempts."""

    url: str
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=LAST))
    classes: deque[str] = field(default_factory=lambda: deque(maxlen=LAST))
    names: set[str] = field(default_factory=set)
    """`<agent>/<node or type>` of what was sent there, as far as the voice agents are known."""
    last_at: str = ""
    last_fault: str = ""

    def add(self, said: Said, agent_id: str) -> None:
        """One line of the delivery log."""
        self.seconds.append(float(said["seconds"]))
        self.classes.append(str(said["class"]))
        self.last_at = str(said["started_at"])
        if agent_id:
            self.names.add(f"{agent_id}/{said['id']}")
        if said["class"] != "success":
            reply = said["status"] if said["error"] is None else said["error"]
            self.last_fault = f"{reply}, {said['class']}"

    def percentile(self, part: float) -> float | None:
        """So long, in seconds, took the fastest `part` of the last attempts; None where there are none."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None

    @property
    def failed(self) -> int:
        """How many of the last attempts failed."""
        return len(self.classes) - Counter(self.classes)["success"]

    def marks(self, known: Mapping[str, Mark]) -> dict[str, Mark]:
        """What all workers obey about what is sent there."""
        return {name: known[name] for name in sorted(self.names) if name in known}

    def health(self, known: Mapping[str, Mark]) -> Health:
        """How it is."""
        marks = self.marks(known).values()
        if any(mark.disabled for mark in marks):
            return "disabled"
        if any(mark.failing_since for mark in marks) or (self.classes and self.classes[-1] != "success"):
            return "failing"
        return "uneven" if self.failed else "well"
