"""Which incarnation of a call id an event belongs to (R17).

An event belongs to the incarnation whose session_id (else attempt) it states, else to the newest.
One that states a session_id or attempt unlike that of every incarnation opens the next one as soon
as the newest is decided; until then it is kept.

An incarnation of which nobody has stated any takes the first that comes, because often only one of two
producers states it. Once it is decided it takes only what is no evidence of a call (a transcript, say): who
speaks of a call that is over, and for the first time under a name, speaks of the next one. Nobody has said
that a call is over which was only taken for lost (R12), so it still takes the first, while it is the
newest: it is the call going on, and an end that states nothing will come to it too.
"""

from operator import attrgetter
from typing import Final, TypeAlias, assert_never

from msgspec import Struct

from schemas.calls import Call, Conversation, Past
from schemas.events import Event, short_hash
from streams.verdicts.changes import tells_of_the_call


class Member(Struct, frozen=True):
    """The event is evidence of this conversation."""

    conversation: Conversation


class Straggler(Struct, frozen=True):
    """The event belongs to an incarnation that is settled and only remembered."""

    past: Past


class Opening(Struct, frozen=True):
    """The event opens incarnation `number`."""

    number: int


class Waiting(Struct, frozen=True):
    """The event will open incarnation `number`, when the one before it is decided."""

    number: int


_number: Final = attrgetter("number")

Place: TypeAlias = Member | Straggler | Opening | Waiting


def place(call: Call, event: Event) -> Place:
    """Where an event belongs."""
    known: tuple[Conversation | Past, ...] = (*call.conversations, *call.past)
    newest_first = sorted(known, key=_number, reverse=True)
    if not newest_first:
        return Opening(1)
    owner: Conversation | Past | None = newest_first[0]
    if event.session_id is not None or event.attempt is not None:
        adopting = newest_first
        if tells_of_the_call(event):
            adopting = [one for one in newest_first[:1] if _may_go_on(one)]
        owner = _stated_by(newest_first, adopting, session(event), attempt(event))
    if owner is not None:
        return Member(owner) if isinstance(owner, Conversation) else Straggler(owner)
    following = newest_first[0].number + 1
    return Opening(following) if newest_decided(call) else Waiting(following)


def newest_decided(call: Call) -> bool:
    """Whether the newest incarnation has its verdict, or none to wait for: nothing but a transcript or
    the like came, so no timer runs."""
    newest_open = max(call.conversations, key=_number, default=None)
    newest_past = max((one.number for one in call.past), default=0)
    if newest_open is None or newest_open.number < newest_past:
        return bool(call.past)
    return newest_open.outcome is not None or newest_open.conclude_at is None


def number_of_known(place: Place) -> int:
    """The incarnation of an event whose id is known; it opens none, wherever it says that it belongs."""
    match place:
        case Member(conversation):
            return conversation.number
        case Straggler(past):
            return past.number
        case Opening(number):
            return number - 1
        case Waiting(number):
            return number
        case _:
            assert_never(place)


def session(event: Event) -> bytes:
    """The hash of the session that an event states; empty when it states none."""
    return b"" if event.session_id is None else short_hash("session", event.session_id)


def attempt(event: Event) -> bytes:
    """The hash of the attempt that an event states; empty when it states none."""
    return b"" if event.attempt is None else short_hash("attempt", str(event.attempt))


def _may_go_on(one: Conversation | Past) -> bool:
    """Nobody has said that this call is over, or it is not decided what that means."""
    if isinstance(one, Past):
        return False
    return one.outcome is None or (one.outcome.synthetic and not one.evidence.terminals)


def _stated_by(
    newest_first: list[Conversation | Past],
    adopting: list[Conversation | Past],
    of_session: bytes,
    of_attempt: bytes,
) -> Conversation | Past | None:
    """The incarnation that stated the same, else the newest adopting one of which nobody stated any."""
    if of_session:
        same = [one for one in newest_first if one.session == of_session]
        silent = [one for one in adopting if not one.session and _agree(one.attempt, of_attempt)]
    else:
        same = [one for one in newest_first if one.attempt == of_attempt]
        silent = [one for one in adopting if not one.attempt]
    return next(iter((*same, *silent)), None)


def _agree(known: bytes, stated: bytes) -> bool:
    return not known or not stated or known == stated
