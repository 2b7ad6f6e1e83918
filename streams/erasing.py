"""An operator has a call erased: what is pending is cancelled, and nothing of it is kept but ids.

The ids stay so that the same events, told again from Kafka, are not taken for a new call. Records that are
owed still go out: they hold ids, times and endpoints, never what was said. Whatever else is told of an erased
incarnation is ignored; a session or an attempt that nobody has stated yet opens another one (R17).
"""

from msgspec.structs import replace

from schemas.calls import Conversation, Past
from schemas.delivery import Delivery, State
from streams import records
from streams.draft import Draft


def erase(draft: Draft) -> None:
    """Erase all incarnations of a call; one that is unknown, or erased already, stays as it is."""
    call = draft.call
    if not call.conversations and all(past.erased for past in call.past):
        return
    for delivery in call.deliveries:
        if not delivery.settled:
            draft.deliver(replace(delivery, state=State.ERASED, due=None))
    for conversation in call.conversations:
        _tell(draft, conversation)
    for delivery in draft.call.deliveries:
        draft.drop(delivery.delivery_id)
    past = [_of_settled(one) for one in call.past]
    past += [_of_open(conversation, draft) for conversation in call.conversations]
    draft.call = replace(draft.call, conversations=(), past=tuple(past), kept=(), buried=0)
    draft.erase()


def _tell(draft: Draft, conversation: Conversation) -> None:
    """Say that the call's actions are final, if that was not said of its last verdict. No webhook fires: it
    would carry what is to be erased."""
    if conversation.outcome is None or conversation.actions_settled >= conversation.verdicts:
        return
    deliveries: list[Delivery] = draft.deliveries(conversation.number)
    upgraded = conversation.actions_settled > 0
    draft.emit(records.settled(draft.call.call_id, conversation, deliveries, upgraded, draft.now))


def _of_settled(past: Past) -> Past:
    return Past(past.number, past.settled_at, None, session=past.session, attempt=past.attempt, erased=True)


def _of_open(conversation: Conversation, draft: Draft) -> Past:
    number, session, attempt = conversation.number, conversation.session, conversation.attempt
    return Past(number, draft.now, None, session=session, attempt=attempt, erased=True)
