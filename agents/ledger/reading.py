"""A second reading of how a call ended, written from the rules alone.

It shares no line with the engine's own. Given everything that was told of a call it says which verdict that
comes to; what was known when, and so which verdicts may have come first, is `arrivals`' question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from agents.ledger.documents import Document
from agents.ledger.told import Told

SPECIFIC: Final = {
    **dict.fromkeys(("busy", "no_answer", "rejected", "dial_failed", "cancelled", "voicemail"), 4),
    **dict.fromkeys(("transferred", "inactivity", "max_duration", "agent_error", "platform_error"), 4),
    **dict.fromkeys(("caller_hangup", "agent_hangup", "end_node"), 3),
    **dict.fromkeys(("transfer_failed", "no_audio", "blocked", "setup_error"), 2),
    "completed": 1,
    "unknown": 0,
}
_BROKEN = {"inactivity", "max_duration", "agent_error", "platform_error", "no_audio"}
_NEVER_UP = {"busy", "no_answer", "rejected", "dial_failed", "blocked", "setup_error", "cancelled"}
_WEAK = {"completed", "unknown", "lost", "caller_hangup", "agent_hangup", "platform_error"}
_TALK = {"node.entered", "turn.completed", "closing.spoken"}
RANKS: Final = {"NOT_CONNECTED": 0, "PREMATURE": 1, "TRANSFERRED": 2, "PROPER": 3}


@dataclass(frozen=True, slots=True)
class Reading:
    """How a call ended, as its records say it or as the rules do."""

    verdict: str
    rule: str
    reason: str
    end_node_id: str | None = None
    synthetic: bool = False
    """Whether nobody ever said that the call ended."""

    def __str__(self) -> str:
        """In the words of the records."""
        at = f" at {self.end_node_id}" if self.end_node_id else ""
        return f"{self.verdict}{at} by {self.rule} for {self.reason}"

    @property
    def rank(self) -> int:
        """Its place among the verdicts: late evidence only ever raises it (R15)."""
        return RANKS[self.verdict]


def canonical(reason: Any) -> str | None:
    """A reason as the rules spell it; None where that takes a table of the platforms' words."""
    if not isinstance(reason, str) or not reason:
        return None
    plain = "_".join("".join(c if c.isalnum() else " " for c in reason.lower()).split())
    plain = "cancelled" if plain == "canceled" else plain
    return plain if plain in SPECIFIC else None


@dataclass(frozen=True, slots=True)
class Given:
    """What a reading takes as given beside the events."""

    workflow: Document | None = None
    believed: str | None = None
    """The reason to take where the platform's own word for it is in no rule."""
    tolerance: float = 2.0
    """Seconds that clocks may differ."""
    grace_until: float = float("inf")
    """Ends that arrived later do not move the end of the call."""


def read_events(told: Sequence[Told], given: Given = Given()) -> Reading:
    """Return how a call ended that these events, in any order and with repetitions, tell of."""
    return _Case(distinct(told), given).read()


def certain(told: Sequence[Told], given: Given) -> bool:
    """Whether an end names an End Call node, so that no grace is needed (R2)."""
    return _Case(distinct(told), given).certain


def at_end_node(told: Sequence[Told], given: Given) -> bool:
    """Whether the conversation stands at an End Call node, as far as is told."""
    return _Case(distinct(told), given).walked_to is not None


def distinct(told: Sequence[Told]) -> list[Told]:
    """Events without their repetitions (R13)."""
    first: dict[str, Told] = {}
    for each in told:
        first.setdefault(each.identity, each)
    return list(first.values())


def unmapped(told: Sequence[Told]) -> list[str]:
    """The platform's words for why the call ended that no rule knows."""
    ends = [each for each in told if each.type == "call.ended"]
    words = [(each.data.get("reason"), each.data.get("raw_reason")) for each in ends]
    return [
        str(reason or raw)
        for reason, raw in words
        if (reason or raw) and not (canonical(reason) or canonical(raw))
    ]


class _Case:
    """One call before the rows; every property is a question that a row asks."""

    def __init__(self, told: list[Told], given: Given) -> None:
        self.told, self.given = told, given
        self.policy = given.workflow or {}
        self.types_of = {node["id"]: node["type"] for node in self.policy.get("nodes", ())}
        self.tolerance = timedelta(seconds=given.tolerance)
        ends = [each for each in told if each.type == "call.ended"]
        self.ends = sorted(ends, key=lambda end: (-SPECIFIC[self._reason_of(end)], end.order))

    def read(self) -> Reading:
        if self.voicemail and not (self.reached and self.policy.get("voicemail_policy") == "end_node"):
            return self._ruled("PREMATURE", "R7", "voicemail")
        if self.transferred:
            return self._ruled("TRANSFERRED", "R6", "transferred")
        if self.reached:
            return self._at_end_node(self.reached)
        if not self.answered and self.reason in _NEVER_UP | _WEAK:
            return self._reading("NOT_CONNECTED", "R10")
        rule = "R5" if any(map(self._is_end, self.nodes)) else None
        return self._reading(
            "PREMATURE", rule or ("R8" if self.reason in _BROKEN | {"transfer_failed"} else "R4")
        )

    @property
    def certain(self) -> bool:
        """R2; where whose call it is has yet to be said, another producer may be about to say it."""
        if self.named is None:
            return False
        if self.given.workflow is None:
            return any(each.agent_id or each.workflow_id for each in self.told)
        return self.policy.get("proper_end") != "spoken" or self._spoken(self.named)

    def _spoken(self, node: str) -> bool:
        return any(
            each.type == "closing.spoken" and each.word("node_id") == node and self._by_the_end(each)
            for each in self.told
        )

    def _at_end_node(self, node: str) -> Reading:
        spoken = self._spoken(node)
        if self.policy.get("proper_end") == "spoken" and not spoken:
            return self._reading("PREMATURE", "R3")
        if self.reason in _BROKEN:
            return self._reading("PROPER", "R9", node)
        if self.reason == "caller_hangup" and not spoken:
            return self._reading("PROPER", "R3", node)
        return self._reading("PROPER", "R1" if node == self.walked_to else "R2", node)

    def _reading(self, verdict: str, rule: str, node: str | None = None) -> Reading:
        return self._ruled(verdict, rule if self.ends else "R12", self.reason, node)

    def _ruled(self, verdict: str, rule: str, reason: str, node: str | None = None) -> Reading:
        return Reading(verdict, rule, reason, node, not self.ends)

    def _reason_of(self, end: Told) -> str:
        words = (end.data.get("reason"), end.data.get("raw_reason"))
        stated = [word for word in words if word is not None and word != ""]
        known = next((found for word in stated if (found := canonical(word))), None)
        believed = self.given.believed if stated and self.given.believed in SPECIFIC else None
        return known or believed or "unknown"

    @cached_property
    def reason(self) -> str:
        return self._reason_of(self.ends[0]) if self.ends else "lost"

    @cached_property
    def ended_at(self) -> datetime | None:
        in_time = [end for end in self.ends if end.at <= self.given.grace_until]
        return max((end.moment("ended_at") or end.occurred_at for end in in_time or self.ends), default=None)

    def _by_the_end(self, told: Told) -> bool:
        return self.ended_at is None or told.occurred_at <= self.ended_at

    def _counts(self, told: Told) -> bool:
        return self.ended_at is None or told.occurred_at <= self.ended_at + self.tolerance

    @cached_property
    def nodes(self) -> list[Told]:
        entered = [each for each in self.told if each.type == "node.entered" and self._counts(each)]
        return sorted(entered, key=self._effective)

    def _effective(self, told: Told) -> tuple[datetime, str, int, str]:
        """Where an event stands: within a source `seq` is right, whatever its clock says (R14)."""
        at, source, seq, own = told.order
        if told.seq is None or told.seq < 0:
            return at, source, seq, own
        before = [
            each.occurred_at
            for each in self.told
            if each.type == "node.entered" and each.source == source and 0 <= each.order[2] <= seq
        ]
        return max([at, *before]), source, seq, own

    def _is_end(self, node: Told) -> bool:
        known = self.types_of.get(node.word("node_id") or "")
        stated = "".join(filter(str.isalnum, node.word("node_type") or "")).lower()
        return known == "end_call" if known else stated in {"endcall", "endcallnode", "end", "endnode"}

    @cached_property
    def walked_to(self) -> str | None:
        return self.nodes[-1].word("node_id") if self.nodes and self._is_end(self.nodes[-1]) else None

    @cached_property
    def named(self) -> str | None:
        named = (end.word("end_node_id") for end in self.ends)
        return next(
            (node for node in named if node and self.types_of.get(node, "end_call") == "end_call"), None
        )

    @property
    def reached(self) -> str | None:
        return self.named or self.walked_to

    @property
    def voicemail(self) -> bool:
        heard = any(each.type == "voicemail.detected" and self._by_the_end(each) for each in self.told)
        return heard or self.reason == "voicemail"

    @property
    def transferred(self) -> bool:
        bridges = [each for each in self.told if each.type == "transfer.bridged"]
        moved = self.reason == "transferred"
        if self.named:
            return False
        if self.policy.get("transfer_policy") == "end_node":
            return (moved or bool(bridges)) and not any(map(self._is_end, self.nodes))
        return (moved and not self.walked_to) or any(map(self._elsewhere_at, bridges))

    def _elsewhere_at(self, bridge: Told) -> bool:
        before = [node for node in self.nodes if self._effective(node) < self._effective(bridge)]
        return not before or not self._is_end(before[-1])

    @property
    def answered(self) -> bool:
        up = {"call.answered", "conversation.started"}
        return any(
            each.type in up
            or (each.type in _TALK and self._counts(each))
            or (each.type == "call.ended" and each.moment("answered_at") is not None)
            for each in self.told
        )
