"""The table of `docs/failpoints.md`, made from the names and from the code that passes them.

`python -m tests.failpoints_page` writes it anew.
"""

import ast
from collections.abc import Iterator
from typing import NamedTuple

from schemas.failpoints import ACTIONS, FAILPOINTS
from tests.readme import ROOT, filled, table

PAGE = ROOT / "docs" / "failpoints.md"
HITS = {"hit": "the loop", "hit_async": "what passes"}
"""What a hang or delay holds up, by the function that is called at a place."""


class Place(NamedTuple):
    """One call in the code."""

    name: str | None
    """The failpoint; None where the code does not spell it."""
    function: str
    path: str


def places() -> list[Place]:
    """Every call of a failpoint in the product, in the order of the files."""
    files = sorted(
        file for folder in ("agents", "streams", "schemas") for file in (ROOT / folder).rglob("*.py")
    )
    own = ROOT / "agents" / "failpoints.py"
    return [
        Place(name, function, str(file.relative_to(ROOT)))
        for file in files
        if file != own
        for name, function in _calls(ast.parse(file.read_text()))
    ]


def _calls(tree: ast.AST) -> Iterator[tuple[str | None, str]]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "failpoints"
        ):
            (argument,) = node.args
            spelled = isinstance(argument, ast.Constant) and isinstance(argument.value, str)
            yield argument.value if spelled else None, node.func.attr  # type: ignore[attr-defined]  # a Constant


def generated() -> dict[str, str]:
    """The tables of the page as they ought to be."""
    where = {each.name: each for each in places()}
    rows = [
        (f"`{name}`", says, f"`{where[name].path}`", HITS[where[name].function])
        for name, says in FAILPOINTS.items()
    ]
    actions = [(f"`{action}`", says) for action, says in ACTIONS.items()]
    return {
        "failpoints": table("name", "what is true there", "where", "a hang or delay holds up", rows=rows),
        "actions": table("action", "what happens", rows=actions),
    }


def main() -> None:
    """Write the tables into the page."""
    PAGE.write_text(filled(PAGE.read_text(), generated()))


if __name__ == "__main__":
    main()
