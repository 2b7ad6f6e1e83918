"""When a call is over for good: what is left of it is what keeps it from happening twice.

An incarnation is settled when its verdict cannot change any more, all its deliveries are final and
nothing is owed. A call that only fell silent (R12), or of which nothing but a transcript came, rests
instead: any sign of life may still give it a verdict or raise it, so its evidence stays until it is
swept. So does a call of which an operator may replay a node, or all that its workflow would have sent if
somebody had known it (R19). A dead webhook leaves a part of its own, and its call shrinks all the same.
"""

from datetime import datetime

from msgspec.structs import replace

from schemas.calls import Call, Conversation, PartKey, Past
from schemas.delivery import Delivery, State
from schemas.outcomes import Verdict
from streams import evidence, lifecycle
from streams.draft import Draft


def settle(draft: Draft) -> None:
    """Shrink every incarnation that is over."""
    if draft.call.owed:
        return
    for conversation in draft.call.conversations:
        if not conversation.resting and _over(draft, conversation):
            _shrink(draft, conversation)


def forgotten_at(call: Call) -> datetime | None:
    """Since when a settled call has been so; None while it is not."""
    if not call.settled:
        return None
    rested = [one.rested_at or one.decided_at or one.opened_at for one in call.conversations]
    return max((*rested, *(one.settled_at for one in call.past)), default=None)


def _over(draft: Draft, conversation: Conversation) -> bool:
    return (
        lifecycle.silent_due(conversation) is None
        and not draft.call.kept
        and all(delivery.settled for delivery in draft.deliveries(conversation.number))
    )


def _shrink(draft: Draft, conversation: Conversation) -> None:
    number = conversation.number
    wanted = _replayable(draft, conversation)
    for delivery in draft.deliveries(number):
        if wanted and delivery.kind == "node":
            _lighten(draft, delivery)
        else:
            draft.drop(delivery.delivery_id)
    if wanted:
        draft.amend(number, resting=True, rested_at=conversation.rested_at or draft.now)
        return
    if conversation.outcome is None or conversation.outcome.synthetic:
        draft.amend(number, resting=True)
        return
    for key in _parts(draft.call.call_id, conversation):
        draft.forget(key)
    past = Past(
        number=number,
        settled_at=draft.now,
        verdict=conversation.outcome.verdict,
        agent_id=evidence.agent_id(conversation.evidence),
        session=conversation.session,
        attempt=conversation.attempt,
        ended_at=conversation.outcome.ended_at,
    )
    left = tuple(one for one in draft.call.conversations if one.number != number)
    draft.call = replace(draft.call, conversations=left, past=(*draft.call.past, past))


def _replayable(draft: Draft, conversation: Conversation) -> bool:
    """Whether a replay could send anything of its nodes."""
    if any(one.kind == "node" and one.state is State.DEAD for one in draft.deliveries(conversation.number)):
        return True
    outcome = conversation.outcome
    if outcome is None or not conversation.unknown_workflow:
        return False
    return outcome.verdict is Verdict.PROPER or evidence.tells_of_nodes(conversation.evidence)


def _lighten(draft: Draft, delivery: Delivery) -> None:
    """Of a node that will not be sent again its state is enough."""
    if delivery.state is not State.DEAD and delivery.request is not None:
        draft.forget_request(delivery)
        draft.deliver(replace(delivery, request=None))


def _parts(call_id: str, conversation: Conversation) -> list[PartKey]:
    heard = [PartKey(call_id, conversation.number, "h", index) for index in range(conversation.heard)]
    answers = [PartKey(call_id, conversation.number, "a", index) for index in range(conversation.responses)]
    put_by = [PartKey(call_id, conversation.number, "u", index) for index in conversation.unaddressed]
    return heard + answers + put_by
