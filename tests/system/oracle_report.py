"""What the oracle found, for people: a table of the invariants, and timelines of calls that broke them."""

from collections.abc import Iterator, Mapping

from tests.system.oracle import INVARIANTS, Judgement
from tests.system.witnesses import Witnesses

_TIMELINES = 5


def report(
    judgement: Judgement, witnesses: Witnesses, title: str, situations: Mapping[str, str] | None = None
) -> str:
    """Return the table, preceded by the timelines of the first few calls that broke something."""
    lines = [*_timelines(judgement, witnesses, situations or {}), *_table(judgement, witnesses, title)]
    return "\n".join(lines)


def _table(judgement: Judgement, witnesses: Witnesses, title: str) -> Iterator[str]:
    yield f"--- {title}"
    yield (
        f"{len(witnesses.events)} events of {len(judgement.readings)} calls, "
        f"{len(witnesses.requests)} requests, "
        f"{len(witnesses.deliveries)} attempts logged, {len(witnesses.outcomes)} outcomes, "
        f"{len(witnesses.dead_letters)} dead letters"
    )
    if witnesses.kills:
        yield (
            f"{len(witnesses.kills)} kills with {judgement.in_flight_at_kills} requests in flight; "
            f"{judgement.repeats} repeats after a 2xx"
        )
    for invariant, promise in INVARIANTS.items():
        looked, broken = judgement.looked_at[invariant], judgement.count(invariant)
        yield f"{invariant:9} {broken:6} of {looked:6}  {promise}"


def _timelines(judgement: Judgement, witnesses: Witnesses, situations: Mapping[str, str]) -> Iterator[str]:
    broken: dict[str, list[str]] = {}
    for violation in judgement.violations:
        broken.setdefault(violation.call_id, []).append(f"{violation.invariant}: {violation.found}")
    for call_id, found in list(broken.items())[:_TIMELINES]:
        reading = judgement.readings.get(call_id)
        yield f"--- {call_id or 'the run'} ({situations.get(call_id, '?')}): {reading}"
        yield from (f"  !! {each}" for each in found[:_TIMELINES])
        yield from _timeline(witnesses, call_id)
    if len(broken) > _TIMELINES:
        yield f"--- and {len(broken) - _TIMELINES} more calls"


def _timeline(witnesses: Witnesses, call_id: str) -> Iterator[str]:
    moments: list[tuple[float, str]] = []
    for record in witnesses.events_of.get(call_id, []):
        event = record.json
        told = f"told {event.get('type')} by {event.get('source')}#{event.get('seq')} {event.get('data')}"
        where = f"({record.partition}/{record.offset})"
        moments.append((record.at, f"{told} at {event.get('occurred_at')} {where}"))
    for record in witnesses.outcomes_of.get(call_id, []):
        outcome = record.json
        moments.append(
            (record.at, f"says {outcome['type']} {outcome['verdict']} {outcome['rule']} {outcome['flags']}")
        )
    moments.extend(
        (seen.at, f"sent {seen.method} {seen.path} {seen.key[:12]} -> {seen.answer}")
        for seen in witnesses.requests_of.get(call_id, [])
    )
    moments.extend((at, "a worker was killed") for at in witnesses.kills)
    moments.sort()
    began = moments[0][0] if moments else 0.0
    yield from (f"  {at - began:8.3f}  {what}" for at, what in moments)
