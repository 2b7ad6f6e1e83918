"""A condition says the same of the same data, whichever way numbers and truths were spelled."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.workflow import Test as Told
from schemas.workflow import When
from streams.conditions import OPERATORS, holds, paths
from streams.templates.paths import PathFault
from tests.streams.rendering import known


def true(op: str, value: Any, wanted: Any) -> bool:
    return holds(When("all", (Told("variables.v", op, wanted),)), known(v=value))


TRUE = [
    ("eq", "sold", "sold"),
    ("eq", 3, "3.0"),
    ("eq", "7", 7),
    ("eq", True, "true"),
    ("eq", "False", False),
    ("eq", None, None),
    ("eq", [1], [1]),
    ("neq", "0123", "123"),
    ("neq", 1, True),
    ("neq", None, ""),
    ("gt", "10", "9"),
    ("gt", "b", "a"),
    ("gte", 3, "3"),
    ("lt", "2026-01-01T10:00:00+02:00", "2026-01-01T09:00:00Z"),
    ("lte", 2.5, 2.5),
    ("in", 3, ["2", "3"]),
    ("in", "a", "a"),
    ("nin", "c", ["a", "b"]),
    ("contains", "Order 12", 12),
    ("contains", ["a", 3], "3"),
    ("contains", {"k": 1}, "k"),
    ("not_contains", "abc", "z"),
    ("starts_with", "+1555", "+1"),
    ("ends_with", 1234, "34"),
    ("exists", None, None),
    ("exists", 0, True),
]
FALSE = [
    ("eq", "Sold", "sold"),
    ("eq", "7", "7.0"),
    ("eq", {}, None),
    ("gt", "abc", 3),
    ("gt", None, 0),
    ("lt", [1], [2]),
    ("in", "a", []),
    ("contains", None, "a"),
    ("starts_with", None, ""),
    ("exists", 1, False),
]


@pytest.mark.parametrize(("op", "value", "wanted"), TRUE)
def test_it_holds(op: str, value: Any, wanted: Any) -> None:
    assert true(op, value, wanted)


@pytest.mark.parametrize(("op", "value", "wanted"), FALSE)
def test_it_does_not_hold(op: str, value: Any, wanted: Any) -> None:
    assert not true(op, value, wanted)


def test_of_a_missing_path_only_the_negative_operators_hold() -> None:
    held = {op for op in OPERATORS if holds(When("all", (Told("variables.no", op, "x"),)), known())}
    assert held == {"neq", "nin", "not_contains"}
    assert holds(When("all", (Told("variables.no", "exists", False),)), known())


@given(st.sampled_from(sorted(OPERATORS)), st.integers() | st.text() | st.none(), st.integers() | st.text())
def test_a_number_and_its_text_are_the_same(op: str, value: Any, wanted: Any) -> None:
    spelled = str(value) if isinstance(value, int) else value
    if not (isinstance(wanted, str) and isinstance(value, int)):
        assert true(op, value, wanted) is true(op, spelled, wanted)


@given(st.lists(st.booleans(), max_size=4))
def test_all_and_any_combine_tests_and_conditions(told: list[bool]) -> None:
    tests = tuple(Told("variables.v", "eq", 1 if one else 2) for one in told)
    assert holds(When("all", tests), known(v=1)) is all(told)
    assert holds(When("any", tests), known(v=1)) is any(told)
    assert holds(When("all", (When("any", tests),)), known(v=1)) is any(told)


def test_the_paths_of_a_condition_are_told() -> None:
    when = When(
        "all", (Told("disposition", "eq", 1), When("any", (Told("nodes.a.response.status", "lt", 300),)))
    )
    assert paths(when) == {("disposition",), ("nodes", "a", "response", "status")}
    assert paths(None) == frozenset()


def test_an_unknown_root_is_a_fault() -> None:
    with pytest.raises(PathFault):
        paths(When("all", (Told("customer.name", "eq", 1),)))
