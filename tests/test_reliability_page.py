"""Every test that docs/reliability.md names is there, and every test of a fault is named."""

import ast
import re
from pathlib import Path

from tests.readme import ROOT

PAGE = (ROOT / "docs" / "reliability.md").read_text()
NAMED = set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE))


def names_of(path: Path) -> set[str]:
    """The names of the tests in a file."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = (each.name for each in ast.parse(path.read_text()).body if isinstance(each, functions))
    return {name for name in found if name.startswith("test_")}


def test_every_row_of_a_fault_names_a_test_that_is_there() -> None:
    rows = [
        line
        for line in PAGE.partition("## Faults")[2].splitlines()
        if line.startswith("| ") and not line.startswith(("| **", "| fault"))
    ]
    assert len(rows) > 40
    assert [row for row in rows if len(re.findall(r"::test_\w+`", row)) != 1] == []
    assert [each for each in sorted(NAMED) if each[1] not in names_of(ROOT / each[0])] == []


def test_every_test_that_is_marked_for_faults_is_in_the_table() -> None:
    marked = [
        path for path in (ROOT / "tests" / "system").glob("test_*.py") if "mark.faults" in path.read_text()
    ]
    assert len(marked) > 4
    there = {(str(path.relative_to(ROOT)), name) for path in marked for name in names_of(path)}
    assert there - NAMED == set()
