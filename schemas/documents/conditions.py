"""`when`: a node's condition on the conversation's data."""

from typing import Any, Final

from schemas.documents.faults import one_of
from schemas.documents.fields import Field
from schemas.workflow import Test, When

OPERATORS: Final = (
    "eq",
    "neq",
    "gt",
    "gte",
    "lt",
    "lte",
    "in",
    "nin",
    "contains",
    "not_contains",
    "starts_with",
    "ends_with",
    "exists",
)

_SHAPE: Final = "{all: […]} or {any: […]} of {path, op, value}"


def when(field: Field | None) -> When | None:
    """The condition that a document states."""
    return _condition(field) if field else None


def _condition(field: Field) -> When:
    modes = [mode for mode in ("all", "any") if isinstance(field.value, dict) and mode in field.value]
    if len(modes) != 1:
        field.refuse(_SHAPE, "both all and any" if modes else None)
        return When(mode="all")
    mode = modes[0]
    fields = field.fields(_SHAPE, frozenset(modes))
    member = fields.need(mode, _SHAPE)
    tests = member.items("a list of tests {path, op, value}") if member else []
    if member and member.value == []:
        member.refuse("at least one test {path, op, value}", "an empty list")
    return When(mode="all" if mode == "all" else "any", tests=tuple(map(_test, tests)))


def _test(field: Field) -> Test | When:
    if isinstance(field.value, dict) and field.value.keys() & {"all", "any"}:
        return _condition(field)
    fields = field.fields("{path, op, value}", frozenset({"path", "op", "value"}))
    path = fields.need_text("path", "the path of a value such as variables.plan")
    op = fields.need("op", one_of(OPERATORS))
    chosen = (op.choice(OPERATORS) if op else None) or ""
    value = fields.get("value")
    if chosen:
        _check_value(field, chosen, value)
    return Test(path=path, op=chosen, value=_compared(chosen, value))


def _compared(op: str, value: Field | None) -> Any:
    if value is None:
        return True if op == "exists" else None
    return value.value


def _check_value(field: Field, op: str, value: Field | None) -> None:
    """Refuses what could never be compared this way."""
    if value is None:
        if op != "exists":
            field.findings.fault((*field.path, "value"), "found no value; expected what to compare with")
        return
    match op:
        case "exists":
            value.flag()
        case "in" | "nin":
            value.items("a list of values")
        case "starts_with" | "ends_with":
            if not isinstance(value.value, str):
                value.refuse("text")
        case "gt" | "gte" | "lt" | "lte":
            if isinstance(value.value, bool) or not isinstance(value.value, int | float | str):
                value.refuse("a number or text")
