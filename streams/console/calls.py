"""The calls of the console's list: what the records of each come to, and which of them somebody asked for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from sys import intern
from typing import Any, Final, TypeAlias

from msgspec import Struct

from schemas.encodings.moments import utc

Said: TypeAlias = dict[str, Any]
"""The value of a record."""

UNDECIDED: Final = "UNDECIDED"
"""In place of a verdict: requests of the call are known, and no verdict yet."""


@dataclass(slots=True)
class CallRow:
    """One incarnation of a call, as its records tell of it. `at` is of its verdict, else of its first request."""

    call_id: str
    incarnation: int
    at: datetime
    verdict: str = UNDECIDED
    rule: str = ""
    reason: str = ""
    end_node_id: str = ""
    agent_id: str = ""
    workflow: str = ""
    flags: tuple[str, ...] = ()
    synthetic: bool = False
    settled: bool = False
    changes: int = 0
    deliveries: dict[str, str] = field(default_factory=dict)
    """What became of each, by its id: done, dead, skipped, or retried while that goes on."""

    def count(self, result: str) -> int:
        """How many deliveries came to that."""
        return sum(each == result for each in self.deliveries.values())

    def stand(self, delivery_id: str, result: str) -> None:
        """What became of a delivery; topics are read side by side, so what is done stays done."""
        if self.deliveries.get(delivery_id) != "done":
            self.deliveries[delivery_id] = intern(result)

    def decide(self, said: Said) -> None:
        """Take over a record of call-outcomes. Raises ValueError where no postcall wrote it."""
        at = utc(str(said["decided_at"] or said["ended_at"] or ""))
        if at is None:
            raise ValueError(f"found {said['decided_at']!r}; expected a moment")
        self.at = at
        self.verdict, self.rule = intern(str(said["verdict"])), intern(str(said["rule"]))
        self.reason = intern(str(said["reason"]))
        self.end_node_id = intern(str(said["end_node_id"] or ""))
        self.agent_id = intern(str(said["agent_id"] or ""))
        workflow_id = said["workflow_id"]
        self.workflow = intern(f"{workflow_id}@{said['workflow_version']}" if workflow_id else "")
        self.flags = tuple(intern(str(each)) for each in said["flags"])
        self.synthetic = bool(said["synthetic"])
        self.settled = said["type"] == "call.settled"
        for each in said.get("deliveries", ()):
            self.stand(str(each["delivery_id"]), str(each["result"]))


class Filter(Struct, frozen=True):
    """Which calls are shown; what is empty or None does not matter. `text` is looked for in ids and reasons."""

    agent: str = ""
    verdict: str = ""
    rule: str = ""
    since: datetime | None = None
    text: str = ""

    @property
    def empty(self) -> bool:
        """It shows everything."""
        return self == Filter()


def chosen(calls: Iterable[CallRow], wanted: Filter) -> list[CallRow]:
    """The calls that are wanted, in the order in which they are given."""
    return list(filter(_test(wanted), calls))


def _test(wanted: Filter) -> Callable[[CallRow], bool]:
    text = wanted.text.casefold()

    def fits(one: CallRow) -> bool:
        return (
            (not wanted.agent or one.agent_id == wanted.agent)
            and (not wanted.verdict or one.verdict == wanted.verdict)
            and (not wanted.rule or one.rule == wanted.rule)
            and (wanted.since is None or one.at >= wanted.since)
            and (not text or any(text in each.casefold() for each in _texts(one)))
        )

    return fits


def _texts(one: CallRow) -> tuple[str, ...]:
    return (one.call_id, one.reason, one.end_node_id, one.agent_id, one.workflow, *one.flags)
