"""A delivery begins, or is given up: the two ends that nodes and webhooks share."""

from msgspec.structs import replace

from schemas.calls import Rendered
from schemas.delivery import Delivery, State
from schemas.endpoints import DISABLED
from streams import records
from streams.draft import Draft
from streams.requests import Rendering
from streams.template import RenderFault
from streams.templates.paths import PathFault


def begin(draft: Draft, delivery: Delivery, rendering: Rendering) -> None:
    """Keep a delivery's request, which is rendered this once, and ask for its first attempt. Where its
    endpoint is disabled it is given up at once, with its request."""
    kept, mark = keep(draft, delivery, rendering), draft.mark(delivery)
    if mark.disabled:
        give_up(draft, replace(kept, fault=mark.why or DISABLED), "disabled")
    else:
        attempt(draft, kept)


def keep(draft: Draft, delivery: Delivery, rendering: Rendering) -> Delivery:
    """Keep a delivery's request; the delivery that names it."""
    index = draft.call.requests
    draft.call = replace(draft.call, requests=index + 1)
    for path in rendering.missing:
        draft.count("missing", path)
    draft.keep(delivery.incarnation, "r", index, Rendered(rendering.request, rendering.missing))
    return replace(
        delivery, request=index, endpoint=rendering.endpoint, method=rendering.request.method, missing=()
    )


def attempt(draft: Draft, delivery: Delivery) -> None:
    """Ask for the next attempt of a delivery that has its request."""
    draft.start(replace(delivery, state=State.STARTED, attempt=delivery.attempt + 1, due=None))


def give_up(draft: Draft, delivery: Delivery, reason: records.Reason) -> None:
    """Give a delivery up: it becomes a dead letter and blocks what needs its success."""
    delivery = replace(delivery, state=State.DEAD, due=None, why=reason)
    draft.deliver(delivery)
    draft.emit(records.dead_delivery(draft.call.call_id, delivery, reason, draft.at, draft.now))
    draft.count("dead_letter", reason)


def give_up_unrendered(draft: Draft, delivery: Delivery, fault: RenderFault | PathFault) -> None:
    """Give up a delivery that has no request: its templates cannot be rendered with this call's data."""
    missing = fault.missing if isinstance(fault, RenderFault) else ()
    for one in missing:
        draft.count("missing", one)
    give_up(draft, replace(delivery, fault=str(fault), missing=missing), "ours")
