"""The README as its reader has it: blocks to run, files to write, tables that are generated.

A comment before a block says what it is: `<!-- file: NAME -->`, `<!-- run -->` (commands with what they print),
`<!-- run: 1 -->` (the same, exit code 1), `<!-- run: kafka -->`. `python -m tests.readme` writes the tables anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agents.cli.config import described, redacted
from agents.metric_families import FAMILIES, Family
from schemas.settings import Settings, variable

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"

_BLOCK = re.compile(r"(?:^<!-- ([^>]+) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"(<!-- begin: (\w+) -->\n)(.*?)(<!-- end: \2 -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block, and what the comment before it says."""

    mark: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a console block, and what it prints; empty where the README does not say."""

    line: str
    prints: str


def blocks(text: str) -> list[Block]:
    """All fenced blocks, in order."""
    return [Block(mark, language, body) for mark, language, body in _BLOCK.findall(text)]


def marked(mark: str) -> Block:
    """The one block with this mark."""
    (found,) = (block for block in blocks(README.read_text()) if block.mark == mark)
    return found


def commands(mark: str, page: Path = README) -> list[Command]:
    """The commands of all blocks of a page with this mark."""
    return [
        each for block in blocks(page.read_text()) if block.mark == mark for each in _commands(block.text)
    ]


def _commands(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, prints = part.partition("\n")
        yield Command(line, prints)


def write_files(folder: Path) -> None:
    """Write every block that is a file."""
    for block in blocks(README.read_text()):
        if block.mark.startswith("file: "):
            (folder / block.mark.removeprefix("file: ")).write_text(block.text)


def tables(text: str) -> dict[str, str]:
    """The generated tables as they stand in the README."""
    return {name: body for _, name, body, _ in _TABLE.findall(text)}


def generated() -> dict[str, str]:
    """The same tables as they ought to be."""
    return {"metrics": _metrics(), "settings": _settings()}


def _metrics() -> str:
    rows = [(f"`{each.name}`", each.sort, _labels(each), each.help) for each in FAMILIES]
    return table("metric", "kind", "labels", "the question that it answers", rows=rows)


def _labels(family: Family) -> str:
    return " ".join(f"`{label}`" for label in family.labels)


def _settings() -> str:
    values = redacted(Settings.model_construct())
    rows = [(f"`{variable(field)}`", _default(values[variable(field)]), says) for field, says in described()]
    return table("variable", "default", "what it is", rows=rows)


def _default(value: Any) -> str:
    match value:
        case None | "not set" | "" | []:
            return ""
        case bool():
            return f"`{int(value)}`"
        case list():
            return f"`{','.join(value)}`"
        case _:
            return f"`{value}`"


def table(*columns: str, rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(' '.join(cell.split()) for cell in line)} |\n" for line in lines)


def filled(text: str, fresh: dict[str, str]) -> str:
    """A page with its tables as they ought to be."""
    return _TABLE.sub(lambda found: found[1] + fresh[found[2]] + found[4], text)


def main() -> None:
    """Write the tables into the README."""
    README.write_text(filled(README.read_text(), generated()))


if __name__ == "__main__":
    main()
