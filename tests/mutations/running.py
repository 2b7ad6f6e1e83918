"""Break a copy of the tree, ask the tests, and judge what they say.

A break is caught when a test that is named for it fails by an assertion in the words of the promise. Whatever
else goes wrong (an import that fails, an exception on the way, an endless loop) is told apart as an accident.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias
from xml.etree import ElementTree as ET

from tests.mutations.mutation import ROOT, Mutation
from tests.mutations.programs import Programs

LEFT_BEHIND = (
    *(".git", ".venv", ".cache", ".postcall", "__pycache__", ".mypy_cache", ".ruff_cache"),
    *(".pytest_cache", ".hypothesis", ".import_linter_cache"),
)
"""What of the tree a copy does not need."""

PATIENCE = 300.0
"""Seconds that a test may take, on a machine that is busy with others."""

ASSERTIONS = ("assert", "AssertionError", "Failed: DID NOT RAISE")
"""How a failure begins that is a broken promise, not an exception on the way to it."""

PROGRAMS: Final = Programs()
"""The pytests that run."""

Verdict: TypeAlias = Literal["caught", "survived", "accident", "hung"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed, and how."""

    test: str
    text: str
    by_assertion: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests made of a mutation."""

    verdict: Verdict
    by: str
    """The test that caught it, else what happened instead."""
    seconds: float


@contextmanager
def copied() -> Iterator[Path]:
    """A copy of the tree, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="postcall-mutation-") as folder:
        tree = Path(folder) / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(*LEFT_BEHIND), symlinks=True)
        cache = ROOT / ".cache"
        if cache.exists():  # Kafka's jars
            (tree / ".cache").symlink_to(cache.resolve())
        yield tree


def tried(mutation: Mutation) -> Outcome:
    """Break a copy, and ask the tests that are named for it."""
    began = time.monotonic()
    with copied() as tree:
        mutation.apply(tree)
        try:
            code, failures = asked(tree, mutation.tests)
        except subprocess.TimeoutExpired:
            return Outcome("hung", f"no answer within {PATIENCE:.0f} s", time.monotonic() - began)
    return judged(mutation, code, failures, time.monotonic() - began)


def judged(mutation: Mutation, code: int, failures: list[Failure], seconds: float) -> Outcome:
    """Whether the failures are those that the mutation has to bring about."""
    for failure in failures:
        if failure.by_assertion and mutation.says in failure.text:
            return Outcome("caught", failure.test, seconds)
    if failures:
        return Outcome("accident", f"{failures[0].test}: {failures[0].text[:300]}", seconds)
    if code == 0:
        return Outcome("survived", "all its tests passed", seconds)
    return Outcome("accident", f"pytest ended with {code}", seconds)


def asked(tree: Path, tests: Sequence[str]) -> tuple[int, list[Failure]]:
    """Run tests in a tree: pytest's exit code, and what failed. Each may take its time.

    Raises:
        subprocess.TimeoutExpired: they did not end in time.
    """
    report = tree.parent / "report.xml"
    pytest = (sys.executable, "-m", "pytest", "-vv", "-p", "no:cacheprovider", "-p", "no:xdist")
    # Before everything else on the path, the editable installation of the tree itself included.
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*pytest, f"--junitxml={report}", *tests]
    code, said = PROGRAMS.run(command, tree, environment, PATIENCE * len(tests))
    if not report.exists():
        return code or 1, [Failure("pytest", said[-4000:], False)]
    return code, list(_failures(report))


def _failures(report: Path) -> Iterator[Failure]:
    for case in ET.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        if (skipped := case.find("skipped")) is not None:
            yield Failure(name, f"skipped: {skipped.get('message')}", by_assertion=False)
        for error in case.findall("error"):
            yield Failure(name, f"{error.get('message')}", by_assertion=False)
        for failure in case.findall("failure"):
            message = failure.get("message") or ""
            yield Failure(name, f"{message}\n{_said(failure.text or '')}", message.startswith(ASSERTIONS))


def _said(text: str) -> str:
    """The failing line and what it came to: not the source of the test around it."""
    return "\n".join(line for line in text.splitlines() if line.startswith((">", "E ")))
