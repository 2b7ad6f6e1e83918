"""One break: what is replaced by what, the promise that it breaks, and who has to notice."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["L0", "L1", "L2"]
"""L0: pure histories and rules · L1: parts of a worker in one process · L2: real Kafka."""

ROOT = Path(__file__).parents[2]


class Stale(ValueError):
    """A mutation that does not fit the source any more."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """A break of one file."""

    name: str
    file: str
    old: str
    """A text that stands in the file exactly once."""
    new: str
    breaks: str
    """The promise that is broken, for people."""
    invariant: str
    """I1 to I13 of the promises."""
    level: Level
    tests: tuple[str, ...]
    """Node ids; one of them has to fail."""
    says: str
    """What the failure must say, in its own words: a crash of another sort is an accident and no catch."""

    def applied(self, source: str) -> str:
        """The source with the break in it.

        Raises:
            Stale: the text is not there, or more than once.
        """
        found = source.count(self.old)
        if found != 1:
            raise Stale(f"{self.name}: found its text {found} times in {self.file}; expected it once")
        return source.replace(self.old, self.new)

    def apply(self, tree: Path) -> None:
        """Break the file in a copy of the tree."""
        path = tree / self.file
        broken = self.applied(path.read_text(encoding="utf-8"))
        compile(broken, self.file, "exec")
        path.write_text(broken, encoding="utf-8")
