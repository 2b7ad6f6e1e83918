"""Every mutation still fits its file, and the runner tells a catch from an accident.

That each is caught takes minutes and a real Kafka: `make mutations` shows it.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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
    assert f" {len(MUTATIONS)} mutations," in (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_a_mutation_is_tried_on_a_copy_and_caught(capsys: pytest.CaptureFixture[str]) -> None:
    source = (ROOT / "streams" / "lifecycle.py").read_bytes()
    assert main(["no grace"]) == 0
    assert "mutations: 1; caught: 1" in capsys.readouterr().out
    assert (ROOT / "streams" / "lifecycle.py").read_bytes() == source


@pytest.mark.parametrize("begun", [1, 2], ids=["before the breaks", "among them"])
def test_a_run_that_is_ended_leaves_nothing_behind(tmp_path: Path, begun: int) -> None:
    command = [sys.executable, "-m", "tests.mutations", "a child does not wait", "settled is told twice"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    seen = set[Path]()
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as running:
        while len(seen) < begun:
            assert running.poll() is None, "it ended by itself"
            seen |= set(tmp_path.glob("postcall-mutation-*/tree"))
            time.sleep(0.05)
        time.sleep(0.5)
        running.terminate()
        assert running.wait(30) == 128 + signal.SIGTERM
    assert list(tmp_path.glob("postcall-mutation-*")) == []
    assert still_running(seen) == []


def still_running(trees: set[Path]) -> list[str]:
    """Processes whose working directory is, or was, in one of the trees."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            where = str((process / "cwd").readlink()).removesuffix(" (deleted)")
        except OSError:
            continue  # it has ended meanwhile, or is somebody else's
        if any(Path(where).is_relative_to(tree) for tree in trees):
            found.append(f"{process.name} in {where}")
    return found
