"""How long a call may be silent, and which end needs no waiting: the same before a verdict and after one."""

from datetime import timedelta

from schemas.evidence import Evidence, Stage
from schemas.workflow import Workflow
from streams.evidence import agent_id, pin
from streams.verdicts.changes import Durations
from streams.verdicts.verdict import names_end_node, spoken_in_time


def patience(evidence: Evidence, at_end: bool, durations: Durations) -> timedelta | None:
    """How long the call may be silent before it counts as lost (R12); None: for ever."""
    if at_end:
        return durations.lost_after_end_node
    if evidence.stage == Stage.LIVE:
        return durations.lost_live
    if evidence.stage == Stage.DIALLED:
        return durations.lost_ringing
    return durations.lost_queued if evidence.stage == Stage.QUEUED else None


def ends_for_certain(evidence: Evidence, workflow: Workflow | None) -> bool:
    """A terminal names an End Call node, which needs no grace (R2), unless whose call it is has yet to be
    said: then its nodes are not known, and another producer may be about to say it."""
    named = next((t.end_node_id for t in evidence.terminals if names_end_node(t, workflow)), None)
    if named is None:
        return False
    if workflow is None:
        return agent_id(evidence) is not None or pin(evidence)[0] is not None
    return workflow.proper_end == "reached" or spoken_in_time(evidence, named)
