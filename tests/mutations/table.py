"""The mutations as people read them: a line each while they are tried, a table in the docs."""

from collections.abc import Iterable
from typing import Final

from tests.mutations.mutation import Mutation
from tests.mutations.running import Outcome

HEAD: Final = """\
# What the tests notice

The engine is broken by hand, in a copy, one promise at a time; the tests that are named here must fail by an
assertion that says which. `make mutations` tries them all (some need a real Kafka), `make mutations ONLY="no grace"`
those with that in their name, and a test sees to it that each still fits the source. This page is made by
`python -m tests.mutations --markdown`.

L0: pure rules and histories. L1: parts of a worker in one process. L2: workers on a real Kafka.
I1 nothing lost, I2 no phantom, I3 one idempotency key, I4 the same bytes, I5 nothing repeated in clean operations,
I6 after kill -9 only what was in flight, I7 a chain's order, I9 every event accounted for, I10 no lag after a fault,
I12 endpoints are left alone when they ask, I13 memory is bounded: [what is promised](reliability.md). How long a
request to a broker is gathered (`agents/kafka/pace.py`) is not broken here: no promise depends on it.

| the break | in | breaks the promise that | invariant | level | noticed by |
|---|---|---|---|---|---|
"""


def row(mutation: Mutation, outcome: Outcome) -> str:
    """One line: what became of a mutation."""
    told = f"{outcome.verdict:8} {outcome.seconds:5.1f} s  {mutation.level} {mutation.invariant:3} {mutation.name}"
    return f"{told}: {outcome.by}" + (f" ({mutation.says})" if outcome.verdict == "caught" else "")


def markdown(mutations: Iterable[Mutation]) -> str:
    """The page docs/mutations.md."""
    return HEAD + "".join(map(_line, mutations))


def _line(one: Mutation) -> str:
    tests = "<br>".join(f"`{_short(test)}`" for test in one.tests)
    return f"| {one.name} | `{one.file}` | {one.breaks} | {one.invariant} | {one.level} | {tests} |\n"


def _short(test: str) -> str:
    file, _, name = test.partition("::")
    return f"{file.rpartition('/')[2]}{'::' if name else ''}{name}"
