"""What a judgement is made of: claims that held or did not, and what could not be judged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from agents.ledger.attribution import Delivery
from agents.ledger.documents import Documents
from agents.ledger.reading import Reading
from agents.ledger.rules import Rules
from agents.ledger.told import Told, Unreadable, read
from agents.ledger.witnesses import Record, Seen, Witnesses, arrivals, grouped

INVARIANTS: Final = {
    "lost": "every expected node and webhook has a request and exactly one final record (I1)",
    "phantom": "no request that nobody owed (I2)",
    "key": "one idempotency key for each delivery, shared by nothing else (I3)",
    "body": "the same bytes on every attempt (I4)",
    "repeated": "no request again after its 2xx, but for what was in flight at a kill (I5, I6)",
    "order": "a node starts after those it waits for (I7)",
    "verdict": "one verdict for each call, and the right one",
    "fair": "an endpoint in trouble does not delay the others (I8)",
    "count": "events read are events counted, and metrics agree with the witnesses (I9)",
    "recovery": "caught up within a minute of a fault; ready and alive are said truly (I10)",
    "secret": "what was planted shows nowhere but in requests (I11)",
    "pace": "Retry-After is obeyed, and an endpoint that is down is not stormed (I12)",
    "memory": "memory stays within its bound (I13)",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not be: which invariant, of which call, and what was found."""

    invariant: str
    call_id: str
    found: str


@dataclass(frozen=True, slots=True)
class Left:
    """Something that was not judged: which invariant, why, and of how many calls or things."""

    invariant: str
    why: str
    count: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the oracle found, and how much it looked at."""

    violations: tuple[Violation, ...]
    looked_at: Counter[str]
    repeats: int
    """Requests made again after their 2xx, explained by a kill or not."""
    in_flight_at_kills: int
    readings: dict[str, Reading] = field(default_factory=dict)
    left: tuple[Left, ...] = ()
    """What was not judged."""
    open_calls: tuple[str, ...] = ()
    """Calls that are still within their times."""

    def count(self, invariant: str) -> int:
        """Return how many violations there are of one invariant."""
        return sum(each.invariant == invariant for each in self.violations)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be judged, beside what the witnesses say."""

    planted: Sequence[str] = ()
    """Strings that must show nowhere."""
    undisturbed: bool = False
    """Whether the scraped workers counted all that the witnesses saw."""
    among: frozenset[str] | None = None
    """The calls to judge, None: all. Others must still have no request."""
    since: float | None = None
    """Calls of which something was told before are not judged, seconds since 1970."""
    now: float | None = None
    """Until when something may still come; None: everything is over."""
    rules: Rules = field(default_factory=Rules)
    workers: int | None = None
    """How many workers ran at most; None: nobody knows."""
    memory_bytes: int | None = None
    """The bound that memory must keep to."""


@dataclass
class Judging:
    """One judgement in the making."""

    witnesses: Witnesses
    documents: Documents
    asked: Asked
    violations: list[Violation] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)
    lefts: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    readings: dict[str, Reading] = field(default_factory=dict)
    open_calls: list[str] = field(default_factory=list)
    lanes: list[tuple[Seen, Delivery, str]] = field(default_factory=list)
    """Every request with what it was for, and the voice agent."""
    repeats: int = 0

    def claim(self, invariant: str, holds: bool, call_id: str, found: str) -> None:
        """Count one look, and keep what was found when the invariant does not hold."""
        self.looked_at[invariant] += 1
        if not holds:
            self.violations.append(Violation(invariant, call_id, found))

    def leave(self, invariant: str, why: str, call_id: str = "") -> None:
        """Keep that something was not judged."""
        self.lefts.setdefault((invariant, why), set()).add(call_id)

    def past(self, due: float) -> bool:
        """Whether what was due then should be there by now."""
        return self.asked.now is None or self.asked.now > due + self.asked.rules.slack

    @cached_property
    def told_of(self) -> dict[str, list[Told]]:
        """The events of every call in the order of arrival, but for those that the engine refused."""
        return grouped([each for each in self._told if each.record.where not in self.refused], _call_id)

    @cached_property
    def refused(self) -> dict[str, Record]:
        """The dead letters of events that could not be read, by where the event lies."""
        found = {}
        for letter in self.witnesses.dead_letters:
            at = letter.said.get("source") or {}
            if letter.said.get("reason") == "unreadable":
                found[f"{at.get('topic')}/{at.get('partition')}@{at.get('offset')}"] = letter
        return found

    @cached_property
    def unreadable(self) -> dict[str, str]:
        """Events that nobody can read: where they lie, and why."""
        return self._read[1]

    @property
    def _told(self) -> list[Told]:
        return self._read[0]

    @cached_property
    def _read(self) -> tuple[list[Told], dict[str, str]]:
        told, unreadable = [], {}
        for at, record in arrivals(self.witnesses.events):
            try:
                told.append(read(record, at))
            except Unreadable as fault:
                unreadable[record.where] = str(fault)
        return told, unreadable


def _call_id(told: Told) -> str:
    return told.call_id
