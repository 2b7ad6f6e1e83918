"""One message and one call: what it becomes, and what is to be done. The heart of the engine.

`step` is a pure function of (row, message, now, definitions): a crash at any point reads the log
again and comes to the same decision, and `simulate` and `explain` run this very function. Nothing
that a step asks for may start before its row and parts are durable.

A window (grace, lost, upgrade, ready deadline) is open until its silent tick is handled; no other
message closes one, however late it is, and no clock here decides what is late.
"""

from datetime import datetime
from typing import Final, TypeAlias, assert_never

from msgspec.structs import replace

from schemas.calls import Call
from schemas.delivery import Delivery, State
from schemas.events import Event
from schemas.messages import Announced, Emitted, Erase, Replay, Replied, Tick
from streams import answering, concluding, erasing, hearing, lifecycle, progress, replaying, settling
from streams.draft import Draft
from streams.effects import Book, Definitions, Effect, Emit, Policy, Position, Start, Step

Input: TypeAlias = Event | Tick | Replied | Announced | Emitted | Erase | Replay

NOWHERE: Final = Position("", -1, -1)


def step(
    call: Call | None,
    message: Input,
    now: datetime,
    book: Book,
    definitions: Definitions,
    policy: Policy,
    at: Position = NOWHERE,
) -> Step:
    """Fold one message into a call.

    `call` is None for a call id that nobody spoke of yet. Raises KeyError if a part that the row
    names is not there, which only a damaged table can bring about.
    """
    draft = Draft(call or Call(message.call_id), book, definitions, policy, now, at)
    match message:
        case Event():
            hearing.hear(draft, message)
        case Replied():
            answering.reply(draft, message)
        case Tick():
            _tick(draft, message)
        case Announced():
            _announced(draft, message)
        case Replay():
            replaying.replay(draft, message)
        case Emitted():
            left = tuple(owed for owed in draft.call.owed if owed.number > message.through)
            draft.call = replace(draft.call, owed=left)
        case Erase():
            erasing.erase(draft)
        case _:
            assert_never(message)
    hearing.reopen(draft)
    settling.settle(draft)
    return draft.finished()


def resumed(call: Call) -> tuple[Effect, ...]:
    """What is to be done for a call whose partition was taken over: attempts that the row says are
    to be made (unless a former owner's is waited for), and records that it still owes."""
    starts = [Start(call.call_id, delivery) for delivery in all_to_be_made(call)]
    return (*(Emit(call.call_id, owed) for owed in call.owed), *starts)


def all_to_be_made(call: Call) -> list[Delivery]:
    """The deliveries of which an attempt is to be made or under way."""
    return [delivery for delivery in call.deliveries if _is_to_be_made(delivery)]


def to_be_made(call: Call, delivery_id: str, attempt: int) -> Delivery | None:
    """The delivery of which this attempt is to be made or under way; None once it was answered, and
    while a former owner's answer is waited for."""
    for delivery in call.deliveries:
        if delivery.delivery_id == delivery_id and delivery.attempt == attempt and _is_to_be_made(delivery):
            return delivery
    return None


def due(call: Call) -> tuple[datetime | None, datetime | None]:
    """When the call wants its next tick: (for retries and announced attempts, for silence)."""
    plain: datetime | None = None
    silent: datetime | None = None
    for delivery in call.deliveries:
        if delivery.state in _SILENT:
            silent = _earlier(silent, delivery.due)
        else:
            plain = _earlier(plain, delivery.due)
    for conversation in call.conversations:
        if not conversation.resting:
            silent = _earlier(silent, lifecycle.silent_due(conversation))
    return plain, silent


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _is_to_be_made(delivery: Delivery) -> bool:
    return delivery.state is State.STARTED and delivery.due is None


_SILENT: Final = frozenset({State.WAITING, State.UNREADY})
"""States that wait for something to be said."""


def _tick(draft: Draft, tick: Tick) -> None:
    if tick.silent:
        for conversation in draft.call.conversations:
            if not conversation.resting:
                concluding.lapse(draft, conversation.number, tick.due)
                progress.advance(draft, conversation.number, tick.due)
    for delivery in draft.call.deliveries:
        if delivery.due is not None and delivery.due <= tick.due:
            answering.come_due(draft, delivery)


def _announced(draft: Draft, message: Announced) -> None:
    """A former owner still has this attempt on the wire: wait for its reply, or until it is over."""
    for delivery in draft.call.deliveries:
        under_way = delivery.state is State.STARTED and delivery.attempt == message.attempt
        if delivery.delivery_id == message.delivery_id and under_way:
            draft.deliver(replace(delivery, due=message.until))
