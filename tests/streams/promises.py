"""What must be true of the world after everything that happens in it, in the words of its failure."""

from collections.abc import Mapping
from itertools import zip_longest

from schemas.calls import Call, Part, PartKey
from schemas.delivery import Answered, State
from schemas.messages import Replied
from schemas.outcomes import Verdict


def check_no_regress(before: Call | None, after: Call | None) -> None:
    """A row that is written holds all that the one before it held."""
    if before is None:
        return
    assert after is not None, "the row is gone"
    assert after.seen.startswith(before.seen), "an event was forgotten: older state was written over newer"
    assert after.emitted >= before.emitted, "a record was forgotten: older state was written over newer"
    ranks = zip_longest(_ranks(before), _ranks(after), fillvalue=-1)
    assert all(one <= other for one, other in ranks), "a verdict was lowered"
    now = {one.delivery_id: one for one in after.deliveries}
    for one in before.deliveries:
        later = now.get(one.delivery_id)
        if later is not None:
            assert len(later.attempts) >= len(one.attempts), f"an attempt of {one.id} was forgotten"
            assert one.state is not State.DONE or later.state is State.DONE, f"{one.id} is done no more"


def check_parts(call: Call | None, parts: Mapping[PartKey, Part]) -> None:
    """The parts that a row names are there, and its deliveries can be sent."""
    if call is None:
        return
    named = [PartKey(call.call_id, 0, "k", number) for number in call.kept]
    for one in call.conversations:
        for sort, numbers in (("h", range(one.heard)), ("a", range(one.responses)), ("u", one.unaddressed)):
            named += [PartKey(call.call_id, one.number, sort, number) for number in numbers]
    sent = [one for one in call.deliveries if one.request is not None]
    named += [PartKey(call.call_id, one.incarnation, "r", one.request or 0) for one in sent]
    gone = [key for key in named if key not in parts]
    assert not gone, f"a part that the row names is gone: {gone}"


def _ranks(call: Call) -> list[int]:
    verdicts: dict[int, Verdict | None] = {one.number: one.verdict for one in call.past}
    verdicts |= {one.number: one.outcome.verdict if one.outcome else None for one in call.conversations}
    newest = max(verdicts, default=0)
    found = [verdicts.get(number) for number in range(1, newest + 1)]
    return [-1 if verdict is None else verdict.rank for verdict in found]


def check_taken(message: Replied, done: set[str]) -> None:
    """The first reply to an attempt, now durable, counts: after a 2xx the delivery is done."""
    if isinstance(message.reply, Answered) and 200 <= message.reply.status < 300:
        assert message.delivery_id in done, "the first reply to an attempt was not taken, and it was a 2xx"
