"""What a node was held for: its turn in the chain, and the data that it uses (see streams/readiness.py)."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from schemas.calls import Call, Conversation
from schemas.delivery import Delivery, State
from schemas.messages import Tick
from schemas.workflow import Workflow
from streams import readiness
from streams.explaining.retelling import Beat
from streams.explaining.sources import Case
from streams.templates.paths import PathFault


class Held(Struct, frozen=True):
    """A node waited for these, of nodes and of transcript, recording, analytics, until some moment at most.

    `since` is None of what is known from the row alone, `until` while it lasts; `came` is False when its time
    was over first.
    """

    waits_for: tuple[str, ...]
    since: datetime | None = None
    until: datetime | None = None
    limit: datetime | None = None
    came: bool = True


def now_held(case: Case, delivery: Delivery) -> Held | None:
    """What a delivery is held for at present, by the row of the workers."""
    conversation, row = case.conversation, case.sources.row
    if conversation is None or row is None:
        return None
    waits_for = _waits_for(delivery, conversation, row, case.workflow)
    return Held(waits_for, limit=delivery.due) if waits_for else None


def was_held(case: Case, delivery_id: str) -> list[Held]:
    """What a delivery was held for, one after the other, by the log that was folded once more."""
    spells: list[Held] = []
    for beat in case.sources.retold.beats:
        waits_for, due = _at(beat, case, delivery_id)
        current = spells[-1] if spells and spells[-1].until is None else None
        if current is not None and waits_for != current.waits_for:
            spells[-1] = Held(
                current.waits_for, current.since, beat.now, current.limit, not _lapsed(beat, current)
            )
            current = None
        if current is None and waits_for:
            spells.append(Held(waits_for, beat.now, None, due))
    return spells


def _at(beat: Beat, case: Case, delivery_id: str) -> tuple[tuple[str, ...], datetime | None]:
    delivery = next((one for one in beat.after.deliveries if one.delivery_id == delivery_id), None)
    conversation = next((one for one in beat.after.conversations if one.number == case.number), None)
    if delivery is None or conversation is None:
        return (), None
    return _waits_for(delivery, conversation, beat.after, case.workflow), delivery.due


def _lapsed(beat: Beat, held: Held) -> bool:
    tick = beat.entry.message
    return isinstance(tick, Tick) and held.limit is not None and tick.due >= held.limit


def _waits_for(
    delivery: Delivery, conversation: Conversation, call: Call, workflow: Workflow | None
) -> tuple[str, ...]:
    pending = {
        one.id
        for one in call.deliveries
        if one.incarnation == delivery.incarnation and one.kind == "node" and not one.settled
    }
    match delivery.state:
        case State.WAITING:
            return tuple(one for one in delivery.after if one in pending)
        case State.UNREADY:
            return tuple(_lacks(delivery, conversation, pending, workflow))
        case _:
            return ()


def _lacks(
    delivery: Delivery, conversation: Conversation, pending: set[str], workflow: Workflow | None
) -> Iterator[str]:
    node = None if workflow is None else workflow.node(delivery.id)
    if node is None or workflow is None:
        yield "its workflow version, which somebody has deleted"
        return
    try:
        needed = readiness.needs(node, workflow)
    except PathFault:
        return
    yield from sorted(readiness.missing_now(needed, conversation.available, pending))
