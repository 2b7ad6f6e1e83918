"""Every mutation still fits its file, and the runner tells a catch from an accident.

That each is caught takes minutes and a real Kafka: `make mutations` shows it.
"""

import pytest

from tests.mutations.__main__ import main
from tests.mutations.listed import MUTATIONS
from tests.mutations.mutation import ROOT, Mutation, Stale
from tests.mutations.running import Failure, judged
from tests.mutations.table import markdown

ONE = MUTATIONS[0]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_a_mutation_fits_its_file_and_leaves_it_readable(mutation: Mutation) -> None:
    source = (ROOT / mutation.file).read_text(encoding="utf-8")
    broken = mutation.applied(source)
    assert broken != source
    compile(broken, mutation.file, "exec")


@pytest.mark.parametrize("test", sorted({test for one in MUTATIONS for test in one.tests}))
def test_a_test_that_is_named_is_there(test: str) -> None:
    file, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_there_are_mutations_of_every_level_and_no_name_is_used_twice() -> None:
    assert {one.level for one in MUTATIONS} == {"L0", "L1", "L2"}
    assert len({one.name for one in MUTATIONS}) == len(MUTATIONS) >= 25


def test_a_text_that_is_gone_is_an_error() -> None:
    with pytest.raises(Stale, match=r"found its text 0 times in .*; expected it once"):
        ONE.applied("nothing of it")


@pytest.mark.parametrize(
    ("code", "failures", "verdict"),
    [
        (1, [Failure("t", f"AssertionError: {ONE.says}", by_assertion=True)], "caught"),
        (1, [Failure("t", f"KeyError: {ONE.says}", by_assertion=False)], "accident"),
        (1, [Failure("t", "AssertionError: something else", by_assertion=True)], "accident"),
        (0, [], "survived"),
        (2, [], "accident"),
    ],
)
def test_only_an_assertion_in_the_words_of_the_promise_is_a_catch(
    code: int, failures: list[Failure], verdict: str
) -> None:
    assert judged(ONE, code, failures, 0.0).verdict == verdict


def test_the_page_is_the_one_that_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--markdown"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "mutations.md").read_text(encoding="utf-8")
    assert markdown(MUTATIONS).count("\n| ") == len(MUTATIONS) + 1


def test_a_mutation_is_tried_on_a_copy_and_caught(capsys: pytest.CaptureFixture[str]) -> None:
    source = (ROOT / "streams" / "lifecycle.py").read_bytes()
    assert main(["no grace"]) == 0
    assert "mutations: 1; caught: 1" in capsys.readouterr().out
    assert (ROOT / "streams" / "lifecycle.py").read_bytes() == source
