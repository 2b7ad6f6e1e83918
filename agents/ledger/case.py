"""One call before the oracle: what was told of it, what was sent, what the engine says of it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from agents.ledger.attribution import Delivery, deliveries, places
from agents.ledger.documents import Document
from agents.ledger.graph import State
from agents.ledger.judgement import Judging
from agents.ledger.owed import Pin, Undecided, agent_of, pin_of, workflow_of
from agents.ledger.reading import RANKS, Reading
from agents.ledger.told import Told
from agents.ledger.witnesses import Record, Seen, moment

NEVER_LEFT: Final = frozenset({"ours", "unsent"})
"""Classes of attempts of which no endpoint knows."""


@dataclass
class Case:
    """All about one call. What was in force is None where nothing was, or where nobody can tell."""

    judging: Judging
    call_id: str
    told: list[Told]
    undecided: list[str] = field(default_factory=list)
    """Why the documents of this call cannot be told."""
    agent: Document | None = None
    workflow: Document | None = None

    def __post_init__(self) -> None:
        until = max([self.told[-1].at, *(each.at for each in self.outcomes)])
        documents, since = self.judging.documents, self.told[0].at
        try:
            pin = self.pin = pin_of(self.told)
            self.agent = agent_of(pin, documents, since, until)
            version = self.verdict_records[-1].said.get("workflow_version") if self.verdict_records else None
            self.workflow = workflow_of(pin, self.agent, version, documents, since, until)
        except Undecided as why:
            self.pin = Pin(None, None, None)
            self.undecided.append(str(why))

    @cached_property
    def outcomes(self) -> list[Record]:
        """Its records of `call-outcomes`."""
        return self.judging.witnesses.outcomes_of.get(self.call_id, [])

    @cached_property
    def verdict_records(self) -> list[Record]:
        """The first verdict and its upgrades, in their order."""
        found = [each for each in self.outcomes if each.said.get("type") != "call.settled"]
        kinds = ("call.outcome", "call.outcome_upgraded")
        return sorted(
            found, key=lambda each: (kinds.index(each.said["type"]), RANKS.get(each.said["verdict"], -1))
        )

    @cached_property
    def verdicts(self) -> list[Reading]:
        """The same as readings."""
        names = ("verdict", "rule", "reason", "end_node_id", "synthetic")
        return [Reading(*(each.said.get(name) for name in names)) for each in self.verdict_records]  # type: ignore[arg-type]  # what a record says

    @cached_property
    def settled(self) -> list[Record]:
        """Its records of `call.settled`."""
        return [each for each in self.outcomes if each.said.get("type") == "call.settled"]

    @cached_property
    def fates(self) -> dict[Delivery, dict[str, Any]]:
        """What the last `call.settled` says of each delivery."""
        listed = [one for each in self.settled for one in each.said.get("deliveries") or ()]
        return {(one["kind"], one["id"]): one for one in listed}

    @cached_property
    def logged(self) -> dict[Delivery, list[Record]]:
        """Its attempts in `delivery-log`."""
        return _by_delivery(self.judging.witnesses.deliveries_of.get(self.call_id, []))

    @cached_property
    def letters(self) -> dict[Delivery, list[Record]]:
        """Its dead letters."""
        found = self.judging.witnesses.dead_letters_of.get(self.call_id, [])
        return _by_delivery(each for each in found if each.said.get("delivery_id"))

    @cached_property
    def requests(self) -> dict[Delivery, list[Seen]]:
        """Its requests by what they were for, in the order of arrival."""
        name = self.pin.workflow_id or (self.agent or {}).get("workflow")
        workflows = [self.workflow] if self.workflow else self.judging.documents.known_workflows(str(name))
        keys = {
            record.said["delivery_id"]: delivery
            for delivery, records in (*self.logged.items(), *self.letters.items())
            for record in records
        }
        at = list({place: None for each in workflows for place in places(each)})
        seen = self.judging.witnesses.requests_of.get(self.call_id, [])
        found: dict[Delivery, list[Seen]] = defaultdict(list)
        for each, delivery in zip(seen, deliveries(seen, at, keys), strict=True):
            found[delivery].append(each)
        return dict(found)

    def finals(self, delivery: Delivery) -> list[Record]:
        """The records that end a delivery: the last attempt's, else the dead letter of what had none."""
        logged = [each for each in self.logged.get(delivery, []) if each.said.get("next_at") is None]
        ended = {each.said["delivery_id"] for each in logged}
        letters = [each for each in self.letters.get(delivery, []) if each.said["delivery_id"] not in ended]
        return [*logged, *letters]

    def unsent(self, delivery: Delivery) -> set[str]:
        """The delivery ids that were given up and of which, by the engine's word, no request ever left."""
        ids = {each.said["delivery_id"] for each in self.finals(delivery)}
        left = {
            each.said["delivery_id"]
            for each in self.logged.get(delivery, [])
            if each.said.get("class") not in NEVER_LEFT
        }
        return ids - left

    def next_at(self, delivery: Delivery) -> float | None:
        """When the delivery log says that the next attempt is due."""
        dues = [moment(each.said.get("next_at")) for each in self.logged.get(delivery, [])]
        return max((due for due in dues if due is not None), default=None)

    def replayed(self, delivery: Delivery) -> bool:
        """Whether an operator had it sent again."""
        headed = any(each.headers.get("postcall-replay") for each in self.requests.get(delivery, []))
        return headed or (self.judging.witnesses.requests is None and len(self.finals(delivery)) > 1)

    def state_of(self, node: str) -> State:
        """What became of a node."""
        delivery = ("node", node)
        if any(each.succeeded for each in self.requests.get(delivery, [])):
            return "done"
        if finals := self.finals(delivery):
            return "done" if finals[-1].said.get("class") == "success" else "dead"
        fate = self.fates.get(delivery, {}).get("result")
        return fate if fate in {"skipped", "erased"} else None


def _by_delivery(records: Iterable[Record]) -> dict[Delivery, list[Record]]:
    found: dict[Delivery, list[Record]] = defaultdict(list)
    for record in records:
        found[str(record.said.get("kind")), str(record.said.get("id"))].append(record)
    return dict(found)
