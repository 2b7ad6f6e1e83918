"""How often to try again: three named answers, or one's own."""

from datetime import timedelta
from typing import Final

from schemas.documents.fields import Field, Fields
from schemas.spans import LONGEST, span
from schemas.workflow import Backoff, Retry, Schedule

PRESETS: Final[dict[str, Retry]] = {
    "patient": Schedule(tuple(map(span, ["1s", "5s", "30s", "2m", "10m", "30m", "2h", "6h", "12h"]))),
    "quick": Backoff(attempts=5, base=span("500ms"), cap=span("30s"), budget=span("120s")),
    # Standard Webhooks 1.0, "Deliverability and reliability": ten attempts in 75.6 hours.
    "standard": Schedule(tuple(map(span, ["5s", "5m", "30m", "2h", "5h", "10h", "14h", "20h", "24h"]))),
}
DEFAULT: Final = PRESETS["patient"]

_NOTHING: Final = timedelta()
_MOST_ATTEMPTS: Final = 100
_SHAPES: Final = (
    "one of patient, quick, standard, or {attempts, base, cap, budget}, or {schedule: [5s, 30s, …]}"
)


def retry(field: Field | None) -> Retry:
    """The retry that a document asks for; `patient` where it says nothing."""
    if field is None:
        return DEFAULT
    match field.value:
        case str() if field.value in PRESETS:
            return PRESETS[field.value]
        case {"schedule": _}:
            return _schedule(field.fields(_SHAPES, frozenset({"schedule"})))
        case dict():
            return _backoff(field.fields(_SHAPES, frozenset({"attempts", "base", "cap", "budget"})))
    field.refuse(_SHAPES)
    return DEFAULT


def _schedule(fields: Fields) -> Retry:
    waits = fields.need("schedule", _SHAPES)
    listed = waits.items("a list of durations such as [5s, 30s, 5m]") if waits else []
    if waits and len(listed) >= _MOST_ATTEMPTS:
        waits.refuse(f"fewer than {_MOST_ATTEMPTS}", f"{len(listed)} waits")
    lengths = [wait.duration(_NOTHING, LONGEST) for wait in listed]
    return Schedule(tuple(length for length in lengths if length is not None))


def _backoff(fields: Fields) -> Retry:
    attempts = fields.need("attempts", f"a whole number from 1 to {_MOST_ATTEMPTS}, or {{schedule: […]}}")
    count = attempts.integer(1, _MOST_ATTEMPTS) if attempts else None
    base = _length(fields, "base", span("500ms")) or _NOTHING
    cap = _length(fields, "cap", max(base, span("30s"))) or _NOTHING
    stated = fields.stated("cap")
    if stated and base > cap > _NOTHING:
        stated.refuse("at least base")
    return Backoff(attempts=count or 1, base=base, cap=cap, budget=_length(fields, "budget", None))


def _length(fields: Fields, name: str, default: timedelta | None) -> timedelta | None:
    member = fields.stated(name)
    return member.duration(span("1ms"), LONGEST) if member else default
