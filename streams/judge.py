"""What a reply means: its class, whether to try again, and what it says about the endpoint.

This is the table "What a reply means" of the delivery rules, row by row; the first row that fits
decides. A 2xx is a success whatever else the receiver says; `disable` and 410 end the endpoint,
`abort-message` ends only this delivery.
"""

from typing import Final, Literal, TypeAlias, assert_never

from msgspec import Struct

from schemas.delivery import Answered, Class, Kind, Reply, Silence

After: TypeAlias = Literal["done", "retry", "fail"]
Health: TypeAlias = Literal["resets", "hurts", "keeps", "disables"]

PAUSE_AT_LEAST: Final = 5.0
"""Seconds for which an overloaded endpoint is left alone, even if its Retry-After is shorter."""

OVERLOADED: Final = frozenset({429, 502, 503, 504})
TRANSIENT: Final = frozenset({408, 421, 423, 425, 500, 507, 509, *range(520, 600)})
REFUSED_CREDENTIALS: Final = frozenset({401, 403, 407})
TOO_MANY_REQUESTS: Final = 429
GONE: Final = 410

DISABLE: Final = "disable"
ABORT: Final = "abort-message"


class Judgement(Struct, frozen=True):
    """What to do now.

    `error` is our own word for the failure, None on success. `health` is what the reply does to the
    endpoint's record: `resets` it, `hurts` it, `keeps` it, or `disables` the endpoint. `pause` is
    for how many seconds at least the endpoint wants to be left alone: no retry comes sooner, and
    the lane rests; waiting for it uses neither attempts nor budget.
    """

    class_: Class
    after: After
    error: str | None = None
    health: Health = "keeps"
    pause: float | None = None


def judge(reply: Reply, kind: Kind, retry_ambiguous: bool = True) -> Judgement:
    """Judge one attempt. Webhooks and nodes differ only in what refused requests come to: a webhook
    tries those again on its schedule (a 404 during a deployment), a node does not; and a webhook that
    is gone is disabled, while a node's 410 says no more than that its one resource is gone."""
    class_ = classify(reply)
    return Judgement(
        class_=class_,
        after=_after(class_, kind, retry_ambiguous),
        error=_error(reply, class_),
        health=_health(reply, class_, kind),
        pause=_pause(reply, class_),
    )


def classify(reply: Reply) -> Class:
    """The row of the table that fits first."""
    match reply:
        case Silence(stage="before"):
            return Class.OURS
        case Silence(stage="unsent"):
            return Class.UNSENT
        case Silence():
            return Class.AMBIGUOUS
        case Answered():
            return _class_of_answer(reply.status, reply.control)
        case _:
            assert_never(reply)


def _class_of_answer(status: int, control: str | None) -> Class:
    if 200 <= status < 300:
        return Class.SUCCESS
    if status == GONE or control == DISABLE:
        return Class.GONE
    if control == ABORT:
        return Class.ABORTED
    if status in OVERLOADED:
        return Class.OVERLOADED
    if status in TRANSIENT:
        return Class.TRANSIENT
    if status in REFUSED_CREDENTIALS:
        return Class.AUTH
    return Class.REJECTED


def _after(class_: Class, kind: Kind, retry_ambiguous: bool) -> After:
    match class_:
        case Class.SUCCESS:
            return "done"
        case Class.OVERLOADED | Class.TRANSIENT | Class.UNSENT:
            return "retry"
        case Class.AMBIGUOUS:
            return "retry" if retry_ambiguous else "fail"
        case Class.AUTH | Class.REJECTED:
            return "retry" if kind == "webhook" else "fail"
        case Class.GONE | Class.ABORTED | Class.OURS:
            return "fail"
        case _:
            assert_never(class_)


def _error(reply: Reply, class_: Class) -> str | None:
    if class_ is Class.SUCCESS:
        return None
    match reply:
        case Silence(error=error):
            return error
        case Answered(status=status):
            return "redirect_not_followed" if 300 <= status < 400 else f"status_{status}"
        case _:
            assert_never(reply)


def _health(reply: Reply, class_: Class, kind: Kind) -> Health:
    if isinstance(reply, Answered) and reply.control == DISABLE:
        return "disables"
    # What a node calls is a resource of the conversation: that one contact is gone says nothing of the rest.
    if class_ is Class.GONE:
        return "disables" if kind == "webhook" else "keeps"
    # Too many requests is no illness: the endpoint rests, its breaker stays closed.
    if isinstance(reply, Answered) and reply.status == TOO_MANY_REQUESTS:
        return "keeps"
    match class_:
        case Class.SUCCESS:
            return "resets"
        case Class.OVERLOADED | Class.TRANSIENT | Class.UNSENT | Class.AMBIGUOUS | Class.AUTH:
            return "hurts"
        case _:
            return "keeps"


def _pause(reply: Reply, class_: Class) -> float | None:
    if isinstance(reply, Silence) or class_ is Class.SUCCESS:
        return None
    if class_ is Class.OVERLOADED:
        return max(reply.retry_after or 0.0, PAUSE_AT_LEAST)
    return reply.retry_after
