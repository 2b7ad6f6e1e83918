"""Privacy rules on their way into an event: which of them are still going, one step after another.

Events are treated one by one, and rules are few and stay: where a step leads is worked out when it is first
gone, and remembered.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from streams.private_paths import ANY


class Action(IntEnum):
    """What is done with a value; the greater one wins."""

    KEEP = 0
    HASH = 1
    MASK = 2
    DROP = 3


class Rule(NamedTuple):
    """Steps that are left to go, and what is done at their end; `texts` as in `Place`."""

    action: Action
    steps: tuple[str, ...]
    texts: bool


class Way:
    """Rules that have come as far as one value; where they go from there is worked out once."""

    __slots__ = ("_into", "_names", "_rules", "action", "of_texts")

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(dict.fromkeys(rules))
        self._names = frozenset(rule.steps[0] for rule in self._rules if rule.steps)
        self._into: dict[tuple[bool, str], Way | None] = {}
        self.action = max((rule.action for rule in self._rules if not rule.steps), default=Action.KEEP)
        """What is done with this value, and all below it."""
        self.of_texts = max((rule.action for rule in self._rules if rule.texts), default=Action.KEEP)
        """What is done with it if it is a text."""

    def member(self, name: str) -> "Way | None":
        """The way into a member of an object; None if no rule takes it."""
        return self._step(False, name if name in self._names else ANY)

    def item(self, at: int) -> "Way | None":
        """The way into an item of a list."""
        index = str(at)
        return self._step(True, index if index in self._names else ANY)

    def _step(self, in_list: bool, name: str) -> "Way | None":
        key = in_list, name
        if key not in self._into:
            going = Way(_onward(self._rules, in_list, name))
            self._into[key] = going if going._rules else None
        return self._into[key]


def _onward(rules: tuple[Rule, ...], in_list: bool, name: str) -> Iterator[Rule]:
    """A name where a list is means each of its items: too much is taken rather than too little."""
    for rule in rules:
        if not rule.steps:
            continue
        step = rule.steps[0]
        if step in (name, ANY) or (in_list and step in ("first", "last")):
            yield rule._replace(steps=rule.steps[1:])
        elif in_list and not step.isdecimal():
            yield rule
