"""One call before the machine, on a clock that the test moves; rows and parts go through their bytes.

Replies, acknowledgements and time come when the test says so. `started` and `records` tell what a worker
would have been asked for.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson

from schemas import wire
from schemas.calls import Call, Conversation, Part, PartKey, Rendered
from schemas.delivery import Answered, Delivery, Reply
from schemas.events import Event
from schemas.messages import Announced, Emitted, Replay, Replied, Tick
from streams import machine
from streams.definitions import Snapshot
from streams.effects import Policy, Start, Step
from tests.builders import START, CallStory
from tests.streams.tales import POLICY

OK = Answered(200)


class Engine:
    """Folds what happens to call `c1`."""

    def __init__(self, documents: Snapshot, policy: Policy = POLICY) -> None:
        self.documents, self.policy = documents, policy
        self.now = START
        self.call: Call | None = None
        self.parts: dict[PartKey, bytes] = {}
        self.steps: list[Step] = []
        self.started: list[Delivery] = []
        self.requests: dict[str, Rendered] = {}
        self.records: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.counts: Counter[tuple[str, ...]] = Counter()

    def part(self, key: PartKey) -> Part:
        if key not in self.parts:
            raise KeyError(key)
        return wire.read_part(self.parts[key])

    # -- what happens

    def hear(self, told: CallStory | Iterable[Event]) -> "Engine":
        """These events, at the present moment, in their order."""
        for event in told.events if isinstance(told, CallStory) else told:
            self.fold(event)
        return self

    def wait(self, seconds: float) -> "Engine":
        """Let time pass; ticks come at their moments."""
        until = self.now + timedelta(seconds=seconds)
        while (soonest := min(_ticks(self.call), default=None)) is not None and soonest[0] <= until:
            self.now = max(self.now, soonest[0])
            self.fold(Tick("c1", *soonest))
        self.now = until
        return self

    def reply(self, name: str, reply: Reply = OK, attempt: int | None = None) -> "Engine":
        """The endpoint of the newest delivery of this name answers."""
        asked = [one for one in self.started if one.id == name][-1]
        number = asked.attempt if attempt is None else attempt
        return self.fold(Replied("c1", asked.delivery_id, number, reply, self.now, 0.25))

    def announce(self, name: str, until: datetime) -> "Engine":
        """A former owner has the newest attempt of this name on the wire."""
        asked = [one for one in self.started if one.id == name][-1]
        return self.fold(Announced("c1", asked.delivery_id, asked.attempt, until))

    def replay(self, *names: str) -> "Engine":
        """An operator wants the newest deliveries of these names once more, or all that can be."""
        ids = [[one for one in self.started if one.id == name][-1].delivery_id for name in names]
        return self.fold(Replay("c1", tuple(ids)))

    def settle(self) -> "Engine":
        """The upgrade window is over, and the broker has all records."""
        return self.acknowledge().wait(601).acknowledge()

    def acknowledge(self) -> "Engine":
        """The broker has all records."""
        return self.fold(Emitted("c1", self.row.emitted))

    def fold(self, message: machine.Input) -> "Engine":
        step = machine.step(self.call, message, self.now, self, self.documents, self.policy)  # type: ignore[arg-type]  # it asks for parts alone
        self.call = wire.read_call(wire.row(step.call))
        assert self.call == step.call
        for key, part in step.parts:
            # Only an event is ever written anew: when rules take something of it away.
            assert key not in self.parts or key.sort in "huk", f"{key} was written twice"
            self.parts[key] = wire.row(part)
            assert wire.read_part(self.parts[key]) == part
        for key in step.forgotten:
            del self.parts[key]
        if step.erased:
            self.parts.clear()
        self._note(step)
        return self

    def _note(self, step: Step) -> None:
        self.steps.append(step)
        self.counts.update({(one.what, *one.labels): 1 for one in step.counts})
        for effect in step.effects:
            if isinstance(effect, Start):
                self.started.append(effect.delivery)
                place = PartKey("c1", effect.delivery.incarnation, "r", effect.delivery.request or 0)
                if place in self.parts:
                    self.requests[effect.delivery.id] = wire.read_part(self.parts[place])  # type: ignore[assignment]  # the r of requests
            else:
                self.records.append(orjson.loads(effect.owed.value))
                self.headers.append({name: text.decode() for name, text in effect.owed.headers})

    # -- what came of it

    @property
    def row(self) -> Call:
        assert self.call is not None
        return self.call

    @property
    def conversation(self) -> Conversation:
        """The newest incarnation that is not settled."""
        return max(self.row.conversations, key=lambda one: one.number)

    @property
    def asked(self) -> list[str]:
        """The names of all attempts asked for, in their order."""
        return [delivery.id for delivery in self.started]

    def delivery(self, name: str) -> Delivery:
        """The newest delivery of this name in the row."""
        return [one for one in self.row.deliveries if one.id == name][-1]

    def states(self) -> dict[str, str]:
        """Where each node stands."""
        return {one.id: one.state.value for one in self.row.deliveries if one.kind == "node"}

    def body(self, name: str) -> Any:
        """What is sent under this name."""
        return orjson.loads(self.requests[name].request.body)

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The records of call-outcomes of this type."""
        return [record for record in self.records if record.get("type") == kind]


def _ticks(call: Call | None) -> list[tuple[datetime, bool]]:
    dues = machine.due(call) if call is not None else (None, None)
    return [(due, silent) for due, silent in zip(dues, (False, True), strict=True) if due is not None]
