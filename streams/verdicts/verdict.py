"""What a call came to: the verdict is a pure function of evidence, workflow and clock tolerance.

Which evidence counts: `ended_at` is the latest end that the terminals of the grace state; node and turn
events count up to `ended_at` + clock tolerance (R14); the reason is the most specific terminal's
(R11). Without any terminal the end is synthetic, its reason `lost`, and nothing is too late for it.

Then the first row that fits decides:
1. voicemail detected before the end, or reason voicemail: R7, PREMATURE(voicemail). With
   `voicemail_policy: end_node` an End Call node that is the last node entered goes before.
2. a transfer bridged while no End Call node was the last node entered, or reason transferred and none is
   at the end: R6, TRANSFERRED. With `transfer_policy: end_node`: only if none was entered at all. An End
   Call node that a terminal names has no time of its own, and is taken to go before.
3. an End Call node is the last node entered, by event or named by a terminal (which wins, and beats
   R5): PROPER. R9 if the call was cut, else R3 if the caller hung up before its closing line was
   spoken, else R2 if only a terminal names it, else R1. Under `proper_end: spoken` it takes that
   closing line, else PREMATURE, R3.
4. no answer, and a reason that says or allows that nobody was reached: R10, NOT_CONNECTED.
5. PREMATURE: R5 if an End Call node was entered and left, R8 if the call was cut or its transfer
   failed, else R4.
A synthetic end puts R12 in place of the row of 3 to 5.
"""

from datetime import timedelta
from typing import Final

from msgspec import Struct

from schemas.evidence import Evidence, Order, Terminal
from schemas.outcomes import Outcome, Verdict
from schemas.reasons import BARE, FAULTS, LOST, NEVER_CONNECTED
from schemas.workflow import END_CALL, Workflow
from streams.evidence import ended_at
from streams.verdicts.nodes import Path, is_end_call, is_known

CLOSING_INTERRUPTED: Final = "closing_interrupted"
ENDED_AFTER_END_NODE_BY: Final = "ended_after_end_node_by"
END_NODE_UNKNOWN: Final = "end_node_unknown"
LATE_EVIDENCE: Final = "late_evidence"
UNKNOWN_NODE: Final = "unknown_node"

NOT_REACHED: Final = NEVER_CONNECTED | BARE
CUT: Final = FAULTS | {"transfer_failed"}


class Finding(Struct, frozen=True):
    """An outcome, and what is worth counting about how it was found (see lifecycle.NOTES)."""

    outcome: Outcome
    notes: tuple[str, ...] = ()


def judge(evidence: Evidence, workflow: Workflow | None, tolerance: timedelta) -> Finding:
    """The verdict on what is known, as if nothing more came."""
    return _Case(evidence, workflow, tolerance).finding()


def names_end_node(terminal: Terminal, workflow: Workflow | None) -> bool:
    """The terminal names an End Call node: one that the workflow has as such, or does not know."""
    return terminal.end_node_id is not None and not refuses_end_node(terminal.end_node_id, workflow)


def refuses_end_node(end_node_id: str, workflow: Workflow | None) -> bool:
    """The workflow says that this node is no End Call node (some producers always name one)."""
    node = workflow.node(end_node_id) if workflow is not None else None
    return node is not None and node.type != END_CALL


def spoken_in_time(evidence: Evidence, node_id: str) -> bool:
    """The closing line of the node is known to have been spoken by the end of the call."""
    at = evidence.spoken.get(node_id)
    end = ended_at(evidence)
    return at is not None and (end is None or at <= end)


_DEFAULTS: Final = Workflow(id="", version=0, nodes=())


class _Case:
    """One call before the rows; every property is a question that a row asks."""

    def __init__(self, evidence: Evidence, workflow: Workflow | None, tolerance: timedelta) -> None:
        self.evidence = evidence
        self.workflow = workflow
        self.policy = workflow or _DEFAULTS
        self.chosen = evidence.terminals[0] if evidence.terminals else None
        self.reason = self.chosen.reason if self.chosen else LOST
        self.ended_at = ended_at(evidence)
        self.limit = None if self.ended_at is None else self.ended_at + tolerance
        self.path = Path(evidence.entered, self.limit)
        self.named = next((t.end_node_id for t in evidence.terminals if names_end_node(t, workflow)), None)
        last = self.path.last
        self.walked_to = last.node_id if last is not None and is_end_call(last, workflow) else None
        self.end_node = self.named or self.walked_to

    def finding(self) -> Finding:
        """The first row that fits, with its flags and notes."""
        if self.voicemail and not (self.end_node and self.policy.voicemail_policy == "end_node"):
            outcome = self.outcome(Verdict.PREMATURE, "R7", reason="voicemail")
        elif self.transferred:
            outcome = self.outcome(Verdict.TRANSFERRED, "R6", reason="transferred")
        elif self.end_node:
            outcome = self.at_end_node(self.end_node)
        elif not self.answered and self.reason in NOT_REACHED:
            outcome = self.outcome(Verdict.NOT_CONNECTED, self.row("R10"))
        else:
            outcome = self.cut_short()
        return Finding(outcome, self.notes(outcome))

    def at_end_node(self, node_id: str) -> Outcome:
        """Row 3."""
        spoken = spoken_in_time(self.evidence, node_id)
        interrupted = self.reason == "caller_hangup" and not spoken
        if self.policy.proper_end == "spoken" and not spoken:
            flags = [CLOSING_INTERRUPTED] if interrupted else []
            return self.outcome(Verdict.PREMATURE, self.row("R3"), flags)
        if self.reason in FAULTS:
            return self.outcome(Verdict.PROPER, self.row("R9"), [ENDED_AFTER_END_NODE_BY], node_id)
        if interrupted:
            return self.outcome(Verdict.PROPER, self.row("R3"), [CLOSING_INTERRUPTED], node_id)
        only_named = node_id != self.walked_to
        return self.outcome(Verdict.PROPER, self.row("R2" if only_named else "R1"), end_node_id=node_id)

    def cut_short(self) -> Outcome:
        """Row 5."""
        if self.passed_end_node:
            return self.outcome(Verdict.PREMATURE, self.row("R5"))
        if self.reason in CUT:
            return self.outcome(Verdict.PREMATURE, self.row("R8"))
        flags = [END_NODE_UNKNOWN] if self.reason == "end_node" else []
        return self.outcome(Verdict.PREMATURE, self.row("R4"), flags)

    @property
    def voicemail(self) -> bool:
        """A machine answered, as far as was known by the end."""
        at = self.evidence.voicemail_at
        detected = at is not None and (self.ended_at is None or at <= self.ended_at)
        return detected or self.reason == "voicemail"

    @property
    def transferred(self) -> bool:
        """A human took over, and no End Call node goes before that."""
        moved = self.reason == "transferred"
        if self.named:
            return False
        if self.policy.transfer_policy == "end_node":
            return (moved or bool(self.evidence.bridged)) and not self.passed_end_node
        return (moved and not self.walked_to) or any(map(self.left_at, self.evidence.bridged))

    def left_at(self, bridge: Order) -> bool:
        """At that bridge the conversation was not at an End Call node."""
        before = self.path.last_before(bridge)
        return before is None or not is_end_call(before, self.workflow)

    @property
    def passed_end_node(self) -> bool:
        """An End Call node was entered by the end, whether it was left again or not."""
        return any(is_end_call(step, self.workflow) for step in self.path.steps)

    @property
    def answered(self) -> bool:
        """Somebody or something answered: an event of answering or talking, or a terminal says so."""
        known = self.evidence
        return (
            known.answered_at is not None
            or known.conversed_at is not None
            or (known.talked_at is not None and (self.limit is None or known.talked_at <= self.limit))
            or any(terminal.answered_at is not None for terminal in known.terminals)
        )

    def row(self, rule: str) -> str:
        """Rows 3 to 5 are R12's when the end is synthetic."""
        return rule if self.chosen else "R12"

    def outcome(
        self,
        verdict: Verdict,
        rule: str,
        flags: list[str] | None = None,
        end_node_id: str | None = None,
        reason: str | None = None,
    ) -> Outcome:
        """An outcome of this call."""
        flags = [*(flags or []), *([UNKNOWN_NODE] if self.believed else [])]
        return Outcome(
            verdict=verdict,
            reason=reason or self.reason,
            rule=rule,
            end_node_id=end_node_id,
            flags=tuple(sorted(flags)),
            synthetic=self.chosen is None,
            ended_at=self.ended_at,
        )

    @property
    def believed(self) -> bool:
        """Where the conversation ended is a node that the workflow does not know."""
        if self.named:
            return not is_known(self.named, self.workflow)
        return self.path.last is not None and not is_known(self.path.last.node_id, self.workflow)

    def notes(self, outcome: Outcome) -> tuple[str, ...]:
        """What to count about this finding."""
        facts = {
            "ended_without_end_node": outcome.rule == "R4",
            "lost": outcome.synthetic,
            "several_terminals": len(self.evidence.terminals) > 1,
            "unknown_node": self.believed,
        }
        return tuple(note for note, holds in facts.items() if holds)
