"""What a node waits for before it runs: the data that its templates and its condition use."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from schemas.workflow import Node, Workflow
from streams.templates import uses
from streams.templates.paths import ALIASES, Path
from streams.templates.remembered import by_identity

TRANSCRIPT_AFTER: Final = timedelta(seconds=3)
"""How long after its terminal event the turns of a call make its transcript, when none is sent: a
platform reports the last turns about when it reports the end."""

END: Final = "end"
"""In a stated `needs`: nothing but the end of the call."""

DATA: Final = frozenset({"transcript", "recording", "analytics"})
"""What events bring; any other need is a node."""

_ROOTS: Final = {
    "transcript": "transcript",
    "transcript_text": "transcript",
    "recording": "recording",
    "analytics": "analytics",
}


def needs(node: Node, workflow: Workflow) -> frozenset[str]:
    """What must be there before the node runs: of transcript, recording, analytics, and node ids.

    As stated, else computed from the paths that the node uses.
    """
    if node.needs is not None:
        return frozenset(node.needs) - {END}
    return frozenset([one for one in _used(node) if _can_come(one, workflow)])


def missing_now(needed: frozenset[str], available: Iterable[str], pending: Collection[str]) -> frozenset[str]:
    """What a node still waits for: data that is not there, and nodes among those that are planned and not
    final. One that hangs on another End Call node was not planned, and will never answer."""
    can_come = frozenset(one for one in needed if one in DATA or one in pending)
    return can_come.difference(available)


def transcript_at(terminal_at: datetime) -> datetime:
    """From when the turns of a call are its transcript, if `transcript.ready` did not come."""
    return terminal_at + TRANSCRIPT_AFTER


@by_identity
def _used(node: Node) -> frozenset[str]:
    found = (_need(path) for path in uses.paths(node))
    return frozenset(one for one in found if one is not None)


def _need(path: Path) -> str | None:
    if path[0] == "nodes":
        return path[1]
    return _ROOTS.get(ALIASES.get(path[0], path[0]))


def _can_come(need: str, workflow: Workflow) -> bool:
    return need in _ROOTS or workflow.node(need) is not None
