"""What the oracle found, for people: a table of the invariants, and timelines of calls that broke them."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from agents.ledger.judgement import INVARIANTS, Judgement
from agents.ledger.witnesses import Witnesses, arrivals

TIMELINES: Final = 5
"""So many calls that broke something are shown, each with so many findings."""


def report(
    judgement: Judgement, witnesses: Witnesses, title: str, situations: Mapping[str, str] | None = None
) -> str:
    """Return the table, preceded by the timelines of the first few calls that broke something."""
    lines = [*_timelines(judgement, witnesses, situations or {}), *_table(judgement, witnesses, title)]
    return "\n".join(lines)


def as_value(judgement: Judgement, witnesses: Witnesses) -> dict[str, Any]:
    """What was found, for programs."""
    broken = dict.fromkeys(each.call_id for each in judgement.violations if each.call_id)
    return {
        "clean": not judgement.violations,
        "invariants": [
            {
                "invariant": name,
                "promise": promise,
                "looked_at": judgement.looked_at[name],
                "violations": judgement.count(name),
            }
            for name, promise in INVARIANTS.items()
        ],
        "violations": [
            {"invariant": each.invariant, "call_id": each.call_id or None, "found": each.found}
            for each in judgement.violations
        ],
        "timelines": {call_id: timeline(witnesses, call_id) for call_id in list(broken)[:TIMELINES]},
        "not_judged": [
            {"invariant": each.invariant, "why": each.why, "count": each.count} for each in judgement.left
        ],
        "calls": {"judged": len(judgement.readings), "open": sorted(judgement.open_calls)},
        "witnesses": {
            "events": len(witnesses.events),
            "requests": None if witnesses.requests is None else len(witnesses.requests),
            "attempts": len(witnesses.deliveries),
            "outcomes": len(witnesses.outcomes),
            "dead_letters": len(witnesses.dead_letters),
        },
        "kills": len(witnesses.kills),
        "in_flight_at_kills": judgement.in_flight_at_kills,
        "repeats": judgement.repeats,
    }


def _table(judgement: Judgement, witnesses: Witnesses, title: str) -> Iterator[str]:
    yield f"--- {title}"
    seen = f"{len(witnesses.seen)} requests" if witnesses.requests is not None else "no receiver's file"
    yield (
        f"{len(witnesses.events)} events of {len(judgement.readings)} calls, {seen}, "
        f"{len(witnesses.deliveries)} attempts logged, {len(witnesses.outcomes)} outcomes, "
        f"{len(witnesses.dead_letters)} dead letters"
    )
    if judgement.open_calls:
        yield f"{len(judgement.open_calls)} calls are open: still within their times"
    if witnesses.kills:
        yield (
            f"{len(witnesses.kills)} kills with {judgement.in_flight_at_kills} requests in flight; "
            f"{judgement.repeats} repeats after a 2xx"
        )
    for invariant, promise in INVARIANTS.items():
        looked, broken = judgement.looked_at[invariant], judgement.count(invariant)
        told = f"{broken:6} of {looked:6}" if looked else f"{'not judged':>16}"
        yield f"{invariant:9} {told}  {promise}"
    for left in judgement.left:
        yield f"not judged: {left.invariant} of {left.count}: {left.why}"


def _timelines(judgement: Judgement, witnesses: Witnesses, situations: Mapping[str, str]) -> Iterator[str]:
    broken: dict[str, list[str]] = {}
    for violation in judgement.violations:
        broken.setdefault(violation.call_id, []).append(f"{violation.invariant}: {violation.found}")
    for call_id, found in list(broken.items())[:TIMELINES]:
        reading = judgement.readings.get(call_id)
        named = f" ({situations[call_id]})" if call_id in situations else ""
        yield f"--- {call_id or 'the run'}{named}: expected {reading or 'no verdict'}"
        yield from (f"  !! {each}" for each in found[:TIMELINES])
        if len(found) > TIMELINES:
            yield f"  !! and {len(found) - TIMELINES} more"
        yield from (f"  {line}" for line in timeline(witnesses, call_id))
    if len(broken) > TIMELINES:
        yield f"--- and {len(broken) - TIMELINES} more calls"


def timeline(witnesses: Witnesses, call_id: str) -> list[str]:
    """Everything that is known of a call, in the order of time, seconds from the first."""
    moments = sorted(_moments(witnesses, call_id)) if call_id else []
    if not moments:
        return []
    began = moments[0][0]
    first = f"{datetime.fromtimestamp(began, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3]
    return [f"from {first}Z, in seconds", *(f"{at - began:9.3f}  {what}" for at, what in moments)]


def _moments(witnesses: Witnesses, call_id: str) -> Iterator[tuple[float, str]]:
    for at, record in arrivals(witnesses.records_of.get(call_id, [])):
        event = record.said
        told = f"told {event.get('type')} by {event.get('source')}#{event.get('seq')} {event.get('data')}"
        yield at, f"{told} at {event.get('occurred_at')} ({record.where})"
    for record in witnesses.outcomes_of.get(call_id, []):
        said = record.said
        yield (
            record.at,
            f"says {said.get('type')} {said.get('verdict')} {said.get('rule')} {said.get('flags')}",
        )
    for seen in witnesses.requests_of.get(call_id, []):
        where = seen.path or seen.event
        yield seen.at, f"sent {seen.method} {where} {seen.key[:12]} -> {seen.answer}"
    for record in witnesses.deliveries_of.get(call_id, []):
        said = record.said
        then = f"next at {said['next_at']}" if said.get("next_at") else "final"
        what = (
            f"{said.get('kind')} {said.get('id')} {str(said.get('delivery_id'))[:12]} #{said.get('attempt')}"
        )
        yield record.at, f"logged {what} {said.get('class')}, {then}"
    for record in witnesses.dead_letters_of.get(call_id, []):
        said = record.said
        yield record.at, f"gave up {said.get('kind')} {said.get('id')}: {said.get('reason')}"
    for at in witnesses.kills:
        yield at, "a worker was killed"
