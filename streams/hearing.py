"""An event arrives: whose evidence it is, what it tells, which webhooks it sets off.

Every event is counted as exactly one of applied, duplicate, ignored, late (unreadable ones never
come this far).
"""

from typing import Final, Literal

from msgspec.structs import replace

from schemas.calls import Conversation, Heard, Kept, PartKey, Past
from schemas.events import CALL_ENDED, DATA_TYPES, Event
from streams import concluding, evidence, incarnations, lifecycle, pinning, progress, screening, webhooks
from streams.draft import Draft, put_by
from streams.incarnations import Member, Opening, Place, Straggler, Waiting
from streams.verdicts.changes import Durations, tells_of_the_call

AVAILABLE: Final = {
    "turn.completed": "turns",
    "transcript.ready": "transcript",
    "recording.ready": "recording",
    "analytics.completed": "analytics",
}
"""Which data an event brings, in the words of readiness."""


def hear(draft: Draft, event: Event) -> None:
    """Take in one event; a duplicate changes nothing (R13)."""
    fingerprint = event.fingerprint
    if known(draft.call.seen, fingerprint):
        number = incarnations.number_of_known(incarnations.place(draft.call, event))
        draft.count("events", "duplicate", of=number)
        return
    place = incarnations.place(draft.call, event)
    if isinstance(place, Straggler) and place.past.erased:
        draft.count("events", "ignored", of=place.past.number)
        return
    draft.call = replace(draft.call, seen=draft.call.seen + fingerprint)
    _take(draft, place, event)


def reopen(draft: Draft) -> None:
    """If the newest incarnation is decided, hear what was kept for the next one, in its order (R17)."""
    while draft.call.kept and incarnations.newest_decided(draft.call):
        kept, draft.call = draft.call.kept, replace(draft.call, kept=())
        for number in kept:
            event = put_by(draft, PartKey(draft.call.call_id, 0, "k", number)).event
            _take(draft, incarnations.place(draft.call, event), event)


def known(seen: bytes, fingerprint: bytes) -> bool:
    """Whether a fingerprint is among the 8-byte ones laid end to end in `seen`."""
    found = seen.find(fingerprint)
    while found > 0 and found % 8:
        found = seen.find(fingerprint, found + 1)
    return found >= 0


def _take(draft: Draft, place: Place, event: Event) -> None:
    match place:
        case Member(conversation):
            _apply(draft, conversation, event)
        case Opening(number):
            opened = Conversation(number, opened_at=draft.now)
            draft.put(opened)
            _apply(draft, opened, event)
        case Straggler(past):
            _straggle(draft, past, event)
        case Waiting():
            draft.keep(0, "k", draft.call.keeps, Kept(screening.kept(draft, event)))
            kept = (*draft.call.kept, draft.call.keeps)
            draft.call = replace(draft.call, kept=kept, keeps=draft.call.keeps + 1)


def _apply(draft: Draft, conversation: Conversation, event: Event) -> None:
    number = conversation.number
    if conversation.resting:
        conversation = draft.amend(number, resting=False)
    conversation, event = screening.screened(draft, conversation, event)
    conversation = pinning.sighted(conversation, event, draft.definitions)
    workflow = draft.workflow(conversation)
    turn = lifecycle.hear(conversation, event, workflow, draft.now, draft.policy.durations)
    heard = _learned(turn.conversation, event, draft)
    if turn.result != "ignored" or turn.conversation.outcome is None:
        # Until the verdict another terminal may yet say that the call ended later.
        heard = _keeping_data(heard, event, draft)
    draft.put(heard)
    draft.count("events", turn.result, of=number)
    for note in turn.notes:
        draft.count("notes", note)
    _fire(draft, number, event)
    if turn.concluded is not None:
        concluding.conclude(draft, number, turn.concluded)
    if event.type in AVAILABLE:
        progress.advance(draft, number)


def _learned(conversation: Conversation, event: Event, draft: Draft) -> Conversation:
    """What the machine itself remembers of an event beside the evidence."""
    terminal = conversation.terminal_at
    if event.session_id is None and event.attempt is None and event.type != CALL_ENDED:
        return conversation
    return replace(
        conversation,
        session=conversation.session or incarnations.session(event),
        attempt=conversation.attempt or incarnations.attempt(event),
        terminal_at=draft.now if terminal is None and event.type == CALL_ENDED else terminal,
    )


def _keeping_data(conversation: Conversation, event: Event, draft: Draft) -> Conversation:
    """What templates may read of an event is kept as a part of the call."""
    if event.type not in DATA_TYPES:
        return conversation
    draft.keep(conversation.number, "h", conversation.heard, Heard(event))
    brought = AVAILABLE.get(event.type)
    available = conversation.available
    if brought is not None and brought not in available:
        available = (*available, brought)
    return replace(conversation, heard=conversation.heard + 1, available=available)


def _fire(draft: Draft, number: int, event: Event) -> None:
    """Webhooks of the event itself; `call.ended` fires with the verdict instead. Events that came
    before anybody named the voice agent wait until somebody does."""
    conversation = draft.conversation(number)
    agent_id = evidence.agent_id(conversation.evidence)
    if agent_id is None:
        if event.type != CALL_ENDED:
            index = len(conversation.unaddressed)
            draft.keep(number, "u", index, Kept(event))
            draft.amend(number, unaddressed=(*conversation.unaddressed, index))
        return
    for index in conversation.unaddressed:
        waiting = put_by(draft, PartKey(draft.call.call_id, number, "u", index)).event
        webhooks.on_event(draft, number, agent_id, waiting)
    if conversation.unaddressed:
        draft.amend(number, unaddressed=())
    webhooks.on_event(draft, number, agent_id, event)


def _straggle(draft: Draft, past: Past, event: Event) -> None:
    """The incarnation is settled: nothing can change any more, but its webhooks still fire (R16)."""
    draft.count("events", _straggling(event, past, draft.policy.durations), of=past.number)
    webhooks.on_straggler(draft, past, event)


def _straggling(event: Event, past: Past, durations: Durations) -> Literal["applied", "ignored", "late"]:
    if not tells_of_the_call(event):
        return "applied"
    over = None if past.ended_at is None else past.ended_at + durations.clock_tolerance
    too_late = event.type in evidence.NODE_OR_TURN and over is not None and event.occurred_at > over
    return "ignored" if too_late else "late"
