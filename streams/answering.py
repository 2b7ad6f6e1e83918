"""A reply came back: what it means for its delivery, and for what waits behind it.

A reply to an attempt that is not the one under way is stale: it was answered before, or the attempt
was given up, and it changes nothing.
"""

from datetime import datetime, timedelta
from typing import Final, assert_never

from msgspec.structs import replace

from schemas.calls import Rendered, Response
from schemas.delivery import Answered, Attempted, Class, Delivery, Silence, State
from schemas.endpoints import DISABLED, endpoint_name
from schemas.messages import Replied
from schemas.workflow import Retry, Schedule
from streams import dispatch, judge, progress, records, retry
from streams.draft import Draft
from streams.judge import Judgement

ASKED: Final = "webhook_delivery_disable"
"""Why an endpoint is disabled that took the delivery, and wants no more."""


def reply(draft: Draft, message: Replied) -> None:
    """Fold the reply to one attempt."""
    delivery = _under_way(draft, message)
    if delivery is None:
        draft.count("notes", "stale_reply")
        return
    rendered = draft.request(delivery)
    judgement = judge.judge(message.reply, delivery.kind, rendered.request.retry_ambiguous)
    attempted = _attempted(message, judgement)
    delivery = replace(delivery, attempts=(*delivery.attempts, attempted), due=None)
    draft.count("attempt", delivery.kind, judgement.class_.value, amount=message.seconds)
    next_at = _next_at(draft, delivery, rendered, judgement)
    draft.emit(records.attempted(draft.call.call_id, delivery, message.attempt, attempted, next_at))
    if judgement.health == "disables":
        _disable(draft, delivery, judgement)
    if judgement.after == "done":
        _done(draft, delivery, message)
    elif next_at is not None:
        draft.deliver(replace(delivery, state=State.PARKED, due=next_at))
        draft.count("retry")
        return
    else:
        dead = replace(delivery, fault=judgement.error or judgement.class_.value)
        dispatch.give_up(draft, dead, records.reason(judgement))
    _move_on(draft, delivery)


def come_due(draft: Draft, delivery: Delivery) -> None:
    """The time of a delivery's next attempt came, or a former owner's announced attempt is over."""
    mark = draft.mark(delivery)
    if delivery.state is State.PARKED and mark.disabled:
        dispatch.give_up(draft, replace(delivery, fault=mark.why or DISABLED), "disabled")
        _move_on(draft, delivery)
    elif delivery.state is State.PARKED:
        dispatch.attempt(draft, delivery)
    elif delivery.state is State.STARTED:
        draft.start(replace(delivery, due=None))


def _under_way(draft: Draft, message: Replied) -> Delivery | None:
    for delivery in draft.call.deliveries:
        if delivery.delivery_id == message.delivery_id and delivery.state is State.STARTED:
            return delivery if delivery.attempt == message.attempt else None
    return None


def _attempted(message: Replied, judgement: Judgement) -> Attempted:
    at, seconds = message.started_at, message.seconds
    match message.reply:
        case Answered(status=status):
            return Attempted(at, seconds, status, None, judgement.class_)
        case Silence(error=error):
            return Attempted(at, seconds, None, error, judgement.class_)
        case _:
            assert_never(message.reply)


def _next_at(draft: Draft, delivery: Delivery, rendered: Rendered, judgement: Judgement) -> datetime | None:
    if judgement.after != "retry":
        return None
    return retry.next_at(
        rendered.request.retry,
        len(delivery.fresh),
        _budget_since(draft, delivery, rendered.request.retry),
        draft.now,
        retry.luck(delivery.delivery_id, delivery.attempt),
        judgement.pause,
    )


def _budget_since(draft: Draft, delivery: Delivery, own: Retry) -> datetime:
    """From when on the budget of the delivery's chain runs: the chain's first attempt, moved on by what
    its longest branch has waited on pauses, breakers and Retry-After. A schedule has no budget; that of a
    replay begins with what the replay set off."""
    if isinstance(own, Schedule):
        return delivery.fresh[0].at
    if not delivery.after:
        return delivery.fresh[0].at + _rested(draft, delivery)
    chains: dict[str, tuple[datetime, timedelta]] = {}
    nodes = [one for one in draft.deliveries(delivery.incarnation) if one.kind == "node"]
    for planned in [one for one in nodes if one.replay == delivery.replay]:
        one = delivery if planned.id == delivery.id else planned
        before = [chains[parent] for parent in one.after if parent in chains]
        began = min([*(one.at for one in one.fresh[:1]), *(at for at, _ in before)], default=draft.now)
        longest = max((rested for _, rested in before), default=timedelta())
        chains[one.id] = (began, longest + _rested(draft, one))
    began, rested = chains[delivery.id]
    return began + rested


def _rested(draft: Draft, delivery: Delivery) -> timedelta:
    if len(delivery.fresh) < 2:
        return timedelta()
    own = draft.request(delivery).request.retry
    return retry.rested(own, delivery.delivery_id, delivery.fresh, delivery.spent)


def _disable(draft: Draft, delivery: Delivery, judgement: Judgement) -> None:
    """The endpoint wants nothing more: all workers must know, and whoever starts later."""
    mark = draft.mark(delivery)
    if mark.disabled:
        return
    why = judgement.error if judgement.error == f"status_{judge.GONE}" else ASKED
    endpoint = endpoint_name(delivery.agent_id, delivery.id)
    asked = (delivery.delivery_id, delivery.attempt)
    marked = replace(mark, disabled=True, why=why)
    draft.emit(records.disabled(draft.call.call_id, endpoint, marked, asked, draft.now))


def _done(draft: Draft, delivery: Delivery, message: Replied) -> None:
    answer = message.reply
    if delivery.kind == "node" and isinstance(answer, Answered):
        conversation = draft.conversation(delivery.incarnation)
        index = conversation.responses
        kept = Response(delivery.id, answer.status, answer.headers, answer.body, answer.extracted)
        draft.keep(conversation.number, "a", index, kept)
        draft.amend(conversation.number, responses=index + 1)
        delivery = replace(delivery, response=index)
    draft.deliver(replace(delivery, state=State.DONE))
    if delivery.attempts[-1].class_ is Class.SUCCESS:
        since = delivery.decision_at or delivery.planned_at
        took = message.started_at + timedelta(seconds=message.seconds) - since
        draft.count("delivered", delivery.kind, amount=max(0.0, took.total_seconds()))


def _move_on(draft: Draft, delivery: Delivery) -> None:
    if delivery.kind == "node":
        progress.advance(draft, delivery.incarnation)
    elif delivery.decision_at is None or draft.at_rest(delivery.incarnation):
        # The webhook of an event: the event's fingerprint keeps it from ever firing again. Or the replay
        # of one whose call is over.
        draft.drop(delivery.delivery_id)
