"""Which operations share a run: a seed gives the same runs again, in the same order."""

import random
from collections.abc import Iterable, Iterator, Sequence

from tests.system.proof.operations import OPERATIONS
from tests.system.proof.trial import Trial

MOST_OF_A_TRIAL = 8
"""So many operations one after the other at most: a run in which something broke should be short."""

FREEZES = 2
"""So often a seed freezes a worker: twenty times in ten seeds."""


def plan(groups: Iterable[str], seeds: Iterable[int]) -> list[Trial]:
    """The trials of these groups and seeds; each has every operation of its group once."""
    return [trial for seed in seeds for group in groups for trial in _of_group(group, seed)]


def _of_group(group: str, seed: int) -> Iterator[Trial]:
    dice = random.Random(f"{group} {seed}")
    names = [each.name for each in OPERATIONS.values() if each.group == group]
    if group == "zombies":
        names *= FREEZES
    kinds = (
        [each for each in names if not OPERATIONS[each].brokers],
        [each for each in names if OPERATIONS[each].brokers],
    )
    number = 0
    for kind in kinds:
        for some in _parted(dice.sample(kind, len(kind))):
            number += 1
            yield Trial(group, seed, number, tuple(some))


def _parted(names: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (names[at : at + MOST_OF_A_TRIAL] for at in range(0, len(names), MOST_OF_A_TRIAL))
