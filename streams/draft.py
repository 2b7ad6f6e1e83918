"""One step's working copy of a call: what the rules of this step have changed so far.

A step is pure from outside: it reads a row and returns a new one. Inside, several rules in turn
change the same call, and this is what they hand on to each other.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from schemas.calls import Buried, Call, Conversation, Heard, Kept, Owed, Part, PartKey, Rendered, Response
from schemas.delivery import Delivery, State
from schemas.endpoints import Mark, endpoint_name
from schemas.workflow import VoiceAgent, Workflow
from streams import context, evidence, records
from streams.effects import Book, Count, Definitions, Effect, Emit, Policy, Position, Start, Step


class Draft:
    """A call being changed by one message at one moment."""

    __slots__ = (
        "_book",
        "_counts",
        "_dropped",
        "_effects",
        "_erased",
        "_forgotten",
        "_parts",
        "_rewritten",
        "_seen_as",
        "at",
        "call",
        "definitions",
        "now",
        "policy",
    )

    def __init__(
        self, call: Call, book: Book, definitions: Definitions, policy: Policy, now: datetime, at: Position
    ) -> None:
        self.call = call
        self.definitions = definitions
        self.policy = policy
        self.now = now
        self.at = at
        self._book = book
        self._parts: dict[PartKey, Part] = {}
        self._forgotten: list[PartKey] = []
        self._rewritten: set[PartKey] = set()
        self._dropped: list[Delivery] = []
        self._erased = False
        self._effects: list[Effect] = []
        self._counts: list[Count] = []
        self._seen_as: dict[int, tuple[Conversation, Mapping[str, Any]]] = {}
        """Of each incarnation the context built last, and of what."""

    def finished(self) -> Step:
        """The step that these changes come to; the last that is asked of a draft."""
        # Contexts refer to the draft: kept here, each step were garbage in a circle.
        self._seen_as.clear()
        return Step(
            self.call,
            tuple(self._parts.items()),
            tuple(self._forgotten),
            tuple(self._dropped),
            tuple(self._effects),
            tuple(self._counts),
            self._erased,
        )

    # -- the conversations ------------------------------------------------------------------

    def conversation(self, number: int) -> Conversation:
        """One incarnation as it stands now."""
        for conversation in self.call.conversations:
            if conversation.number == number:
                return conversation
        raise LookupError(f"found no incarnation {number} of {self.call.call_id!r}; expected an open one")

    def at_rest(self, number: int) -> bool:
        """Whether an incarnation is over: nothing of it waits for what its deliveries come to."""
        return not any(one.number == number and not one.resting for one in self.call.conversations)

    def put(self, conversation: Conversation) -> None:
        """Replace an incarnation, or open a new one."""
        kept = [one for one in self.call.conversations if one.number != conversation.number]
        self.call = replace(self.call, conversations=(*kept, conversation))

    def amend(self, number: int, **changes: Any) -> Conversation:
        """Change fields of an incarnation."""
        changed = replace(self.conversation(number), **changes)
        self.put(changed)
        return changed

    def agent(self, conversation: Conversation) -> VoiceAgent | None:
        """The voice agent of a conversation, where somebody named a known one."""
        agent_id = evidence.agent_id(conversation.evidence)
        return None if agent_id is None else self.definitions.agent(agent_id)

    def workflow(self, conversation: Conversation) -> Workflow | None:
        """The workflow version that a conversation is pinned to so far."""
        if conversation.workflow_id is None or conversation.workflow_version is None:
            return None
        return self.definitions.workflow(conversation.workflow_id, conversation.workflow_version)

    def mark(self, delivery: Delivery) -> Mark:
        """What all workers know of a delivery's endpoint."""
        return self.definitions.mark(endpoint_name(delivery.agent_id, delivery.id)) or Mark()

    # -- the deliveries -----------------------------------------------------------------------

    def deliveries(self, number: int) -> list[Delivery]:
        """All deliveries of an incarnation, in the order of their plan."""
        return [delivery for delivery in self.call.deliveries if delivery.incarnation == number]

    def is_settled(self, delivery_id: str) -> bool:
        """Whether a delivery of the row is final."""
        return any(one.settled for one in self.call.deliveries if one.delivery_id == delivery_id)

    def deliver(self, delivery: Delivery) -> None:
        """Add a delivery, or replace the one of that delivery id; count one that is final by that."""
        deliveries, was_settled = list(self.call.deliveries), False
        for place, one in enumerate(deliveries):
            if one.delivery_id == delivery.delivery_id:
                was_settled, deliveries[place] = one.settled, delivery
                break
        else:
            deliveries.append(delivery)
        self.call = replace(self.call, deliveries=tuple(deliveries))
        if delivery.settled and not was_settled:
            self.count("settled", delivery.kind, str(delivery.state))

    def start(self, delivery: Delivery) -> None:
        """Keep a delivery as started, and ask for its attempt."""
        self.deliver(delivery)
        self._effects.append(Start(self.call.call_id, delivery))

    def drop(self, delivery_id: str) -> None:
        """Take a settled delivery out of the row. A dead webhook is put by with its request, for a replay;
        of any other nothing is left."""
        for delivery in self.call.deliveries:
            if delivery.delivery_id == delivery_id:
                self._dropped.append(delivery)
                if (
                    delivery.kind == "webhook"
                    and delivery.state is State.DEAD
                    and delivery.request is not None
                ):
                    self.keep(0, "d", self.call.buried, Buried(delivery))
                    self.call = replace(self.call, buried=self.call.buried + 1)
                else:
                    self.forget_request(delivery)
        left = tuple(one for one in self.call.deliveries if one.delivery_id != delivery_id)
        self.call = replace(self.call, deliveries=left)

    # -- the parts ------------------------------------------------------------------------------

    def part(self, key: PartKey) -> Part:
        """A part, of this step or an earlier one. Raises KeyError if it is not there."""
        part = self._parts.get(key)
        return self._book.part(key) if part is None else part

    def request(self, delivery: Delivery) -> Rendered:
        """The rendered request of a delivery. Raises KeyError if it has none."""
        if delivery.request is None:
            raise KeyError(delivery.delivery_id)
        part = self.part(PartKey(self.call.call_id, delivery.incarnation, "r", delivery.request))
        if not isinstance(part, Rendered):
            raise TypeError(f"found a {type(part).__name__}; expected the request of {delivery.delivery_id}")
        return part

    def keep(self, number: int, sort: str, index: int, part: Part) -> None:
        """Write a part, once."""
        self._parts[PartKey(self.call.call_id, number, sort, index)] = part

    def rewrite(self, key: PartKey, part: Part) -> None:
        """Write a part anew: what it held must not be kept any longer."""
        if key not in self._parts:
            self._rewritten.add(key)
        self._parts[key] = part

    def forget(self, key: PartKey) -> None:
        """Delete a part."""
        if self._parts.pop(key, None) is None or key in self._rewritten:
            self._forgotten.append(key)

    def erase(self) -> None:
        """Delete every part of the call, whatever its sort."""
        self._erased = True
        self._parts.clear()
        self._forgotten.clear()

    def forget_request(self, delivery: Delivery) -> None:
        """Delete the rendered request of a delivery, if it has one."""
        if delivery.request is not None:
            self.forget(PartKey(self.call.call_id, delivery.incarnation, "r", delivery.request))

    def parts_of(self, number: int) -> "PartsOf":
        """What templates of an incarnation can read: its heard events and kept responses."""
        return PartsOf(self, number)

    def context(self, number: int) -> Mapping[str, Any]:
        """The data of an incarnation under the names that templates use. What was worked out for one
        template of this step serves the next, as long as nothing more was said."""
        conversation = self.conversation(number)
        before = self._seen_as.get(number)
        if before is not None and context.reads_alike(before[0], conversation):
            return before[1]
        built = context.build(
            conversation,
            conversation.outcome,
            self.parts_of(number),
            self.workflow(conversation),
            self.agent(conversation),
            self.now,
            call_id=self.call.call_id,
            tolerance=self.policy.durations.clock_tolerance,
        )
        self._seen_as[number] = (conversation, built)
        return built

    # -- what goes out ------------------------------------------------------------------------------

    def emit(self, record: records.Record) -> None:
        """Owe a record to an output topic, and ask for it to be written."""
        number = self.call.emitted + 1
        owed = Owed(number, record.topic, record.value, record.headers, record.key)
        self.call = replace(self.call, owed=(*self.call.owed, owed), emitted=number)
        self._effects.append(Emit(self.call.call_id, owed))

    def count(self, what: str, *labels: str, amount: float = 1.0, of: int = 0) -> None:
        """Count something, `of` an incarnation where that matters."""
        self._counts.append(Count(what, labels, amount, of))


class PartsOf:
    """The heard events and responses of an incarnation, read only when somebody asks."""

    __slots__ = ("_draft", "_number")

    def __init__(self, draft: Draft, number: int) -> None:
        self._draft, self._number = draft, number

    def __iter__(self) -> Iterator[Heard | Response]:
        conversation = self._draft.conversation(self._number)
        call_id = self._draft.call.call_id
        for sort, count in (("h", conversation.heard), ("a", conversation.responses)):
            for index in range(count):
                part = self._draft.part(PartKey(call_id, self._number, sort, index))
                if isinstance(part, Heard | Response):
                    yield part


def put_by(draft: Draft, key: PartKey) -> Kept:
    """An event that was put by; it is taken out. Raises KeyError if it is not there."""
    part = draft.part(key)
    if not isinstance(part, Kept):
        raise TypeError(f"found a {type(part).__name__}; expected an event put by at {key}")
    draft.forget(key)
    return part
