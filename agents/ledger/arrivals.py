"""What was known of a call when: which verdicts may have come, in which order, and by when.

A verdict is due when the grace after the first end is over, at once where that end names its End Call node, or
when a call has been silent for too long (R12, R14). How much the engine knew at that moment depends on when it
looked; so every reading from the earliest such moment on is possible, and late evidence only raises it (R15).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from agents.ledger.reading import Given, Reading, at_end_node, certain, distinct, read_events
from agents.ledger.rules import Rules
from agents.ledger.told import Told

_DIALLED: Final = frozenset({"call.initiated", "call.ringing"})
_LIVE: Final = frozenset(
    {
        *("call.answered", "conversation.started", "node.entered", "variables.updated", "turn.completed"),
        *("closing.spoken", "voicemail.detected", "agent.error"),
        *("transfer.started", "transfer.bridged", "transfer.failed", "transfer.ended"),
    }
)
_EVIDENCE: Final = frozenset({"call.queued", "call.ended"}) | _DIALLED | _LIVE
"""What a verdict can come from; all else only adds data."""


@dataclass(frozen=True, slots=True)
class Course:
    """What a call may come to. `due` is when its first verdict is, seconds since 1970."""

    possible: tuple[Reading, ...]
    """Every reading that a verdict may have been."""
    least: Reading | None
    """What the last verdict must not be below: the reading of all that came in time."""
    due: float | None
    """None: nothing told so far ever calls for a verdict."""

    def rises(self, verdicts: Sequence[Reading]) -> bool:
        """Whether these verdicts can have come one after the other, and the last is not too low."""
        ranks = [each.rank for each in verdicts]
        rising = all(one < other for one, other in pairwise(ranks))
        return rising and (self.least is None or (bool(ranks) and ranks[-1] >= self.least.rank))

    def meant(self, verdicts: Sequence[Reading]) -> list[Reading]:
        """The possible readings that these verdicts stand for, whatever rule or reason they name; where one is
        not possible, or they cannot have come so, the reading of all that came in time."""
        found = [self._like(each) for each in verdicts]
        if self.rises(verdicts) and all(found):
            return [each for each in found if each is not None]
        return [self.least] if self.least is not None else []

    def _like(self, verdict: Reading) -> Reading | None:
        like = [
            each
            for each in self.possible
            if (each.verdict, each.end_node_id) == (verdict.verdict, verdict.end_node_id)
        ]
        exact = [each for each in like if each.reason == verdict.reason]
        return next(iter((*exact, *like)), None)


def course_of(told: Sequence[Told], given: Given, rules: Rules) -> Course:
    """What a call may come to of which this was told, in the order of arrival."""
    evidence = [each for each in distinct(told) if each.type in _EVIDENCE]
    given = replace(given, tolerance=rules.clock_tolerance)
    ended = next((each.at for each in evidence if each.type == "call.ended"), None)
    silences = tuple(_silences(evidence, given, rules))
    if ended is None:
        due = _silent_until(evidence, given, rules)
        least = read_events(evidence, given) if due is not None else None
        return Course(_distinct((*silences, *([least] if least else []))), least, due)
    given = replace(given, grace_until=ended + rules.grace)
    at_once = _certain_with(evidence, given)
    over = ended + rules.grace if at_once is None else min(ended + rules.grace, evidence[at_once - 1].at)
    closes = ended + rules.grace + rules.upgrade_window
    in_time = [each for each in evidence if each.at <= closes - rules.pacing] or evidence
    # Of a call that counts as lost no window closes (R12).
    latest = float("inf") if silences else closes + rules.slack
    known = at_once if at_once is not None else _known_by(evidence, over - rules.pacing)
    found = (*silences, *_from(evidence, known, latest, given))
    return Course(_distinct(found), read_events(in_time, given), over)


def _from(evidence: Sequence[Told], least: int, latest: float, given: Given) -> Iterator[Reading]:
    """The reading of the first so many events, and with each that came later."""
    for count in range(least, len(evidence) + 1):
        if evidence[count - 1].at <= latest:
            yield read_events(evidence[:count], given)


def _known_by(evidence: Sequence[Told], at: float) -> int:
    """How many events had come by then, one at least."""
    return max(1, sum(each.at <= at for each in evidence))


def _certain_with(evidence: Sequence[Told], given: Given) -> int | None:
    """With which event, counted from 1, an end that names its node was known, if that was within the grace: of those
    that came in the same millisecond, the ones after it are not waited for."""
    for count, each in enumerate(evidence, start=1):
        if each.at > given.grace_until:
            return None
        if each.type in {"call.ended", "closing.spoken"} and certain(evidence[:count], given):
            return count
    return None


def _silences(evidence: Sequence[Told], given: Given, rules: Rules) -> Iterator[Reading]:
    """The readings of a call that was silent for so long that it counted as lost."""
    for count, (one, other) in enumerate(pairwise(evidence), start=1):
        if one.type == "call.ended":
            return
        patience = _patience(evidence[:count], given, rules)
        if patience is not None and other.at - one.at >= patience - rules.pacing:
            yield read_events(evidence[:count], given)


def _silent_until(evidence: Sequence[Told], given: Given, rules: Rules) -> float | None:
    patience = _patience(evidence, given, rules)
    return None if patience is None else evidence[-1].at + patience


def _patience(evidence: Sequence[Told], given: Given, rules: Rules) -> float | None:
    types = {each.type for each in evidence}
    if at_end_node(evidence, given):
        return rules.lost_after_end_node
    if types & _LIVE:
        return rules.lost_live
    if types & _DIALLED:
        return rules.lost_ringing
    return rules.lost_queued if "call.queued" in types else None


def _distinct(readings: Sequence[Reading]) -> tuple[Reading, ...]:
    return tuple(dict.fromkeys(readings))
