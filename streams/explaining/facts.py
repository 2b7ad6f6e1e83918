"""What a verdict rests on: the few facts that its rule asks for, in words."""

from collections.abc import Iterator
from datetime import timedelta

from schemas.evidence import Evidence
from schemas.wire import moment
from schemas.workflow import Workflow
from streams import evidence as asked
from streams.verdicts.nodes import Path, Step, is_end_call, is_known
from streams.verdicts.verdict import refuses_end_node


def facts(known: Evidence, workflow: Workflow | None, tolerance: timedelta) -> list[str]:
    """The facts, the end first."""
    return [
        *_ends(known, workflow),
        *_way(way(known, tolerance), workflow),
        *_others(known),
        f"answered at {moment(at)}"
        if (at := asked.answered_at(known)) is not None
        else "nothing shows an answer",
    ]


def way(known: Evidence, tolerance: timedelta) -> Path:
    """The nodes that were entered by the end."""
    end = asked.ended_at(known)
    return Path(known.entered, None if end is None else end + tolerance)


def _ends(known: Evidence, workflow: Workflow | None) -> Iterator[str]:
    if not known.terminals:
        yield "no event says that the call ended"
        return
    chosen, *others = known.terminals
    raw = f" ({chosen.raw_reason})" if chosen.raw_reason and chosen.raw_reason != chosen.reason else ""
    yield f"ended for {chosen.reason}{raw}, says {chosen.order.source or 'an event without source'}"
    if others:
        yield f"other ends, as specific and later or less specific: {', '.join(one.reason for one in others)} (R11)"
    for node_id in dict.fromkeys(one.end_node_id for one in known.terminals if one.end_node_id):
        refused = refuses_end_node(node_id, workflow)
        yield f"its end names {node_id}, {'which is no End Call node' if refused else 'an End Call node'}"


def _way(path: Path, workflow: Workflow | None) -> Iterator[str]:
    last = path.last
    if last is None:
        yield "no node was entered by the end"
        return
    yield f"last node entered: {_named(last, workflow)}, at {moment(last.occurred_at)}"
    left = [one.node_id for one in path.steps if one is not last and is_end_call(one, workflow)]
    if left and not is_end_call(last, workflow):
        yield f"End Call node entered and left again: {', '.join(dict.fromkeys(left))}"


def _named(step: Step, workflow: Workflow | None) -> str:
    if is_end_call(step, workflow):
        return f"{step.node_id}, an End Call node"
    return f"{step.node_id}, {'no End Call node' if is_known(step.node_id, workflow) else 'which no workflow knows'}"


def _others(known: Evidence) -> Iterator[str]:
    for node_id, at in known.spoken.items():
        yield f"closing line of {node_id} spoken at {moment(at)}"
    if known.voicemail_at is not None:
        yield f"voicemail detected at {moment(known.voicemail_at)}"
    for bridge in known.bridged:
        yield f"transfer bridged at {moment(bridge.at)}"
