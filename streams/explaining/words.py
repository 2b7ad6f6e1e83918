"""What rules, reasons, classes and flags mean, a sentence each, for people who ask why.

The rules are those of docs/verdicts.md and of the README's table, which a test compares with `RULES`.
"""

from typing import Final

from schemas.delivery import Class
from schemas.outcomes import Outcome, Verdict
from streams import plan
from streams.verdicts import verdict as flags

RULES: Final[dict[str, str]] = {
    "R1": "An End Call node was the last node entered, and the call ended: PROPER at that node.",
    "R2": "Nobody told of the node, but the end itself names it: PROPER, and without any grace.",
    "R3": "The caller hung up while the goodbye was spoken: PROPER all the same, flag closing_interrupted.",
    "R4": "The call ended without an End Call node, goodbye or not: PREMATURE.",
    "R5": "An End Call node was reached, and left again: PREMATURE. The last node counts.",
    "R6": "A person took over before an End Call node was the last: TRANSFERRED.",
    "R7": "An answering machine: PREMATURE, even if an End Call node was reached.",
    "R8": "Silence, too long, or a failure, without an End Call node: PREMATURE.",
    "R9": "Silence, too long, or a failure, but at an End Call node: PROPER, flag ended_after_end_node_by.",
    "R10": "Busy, no answer, rejected, cancelled, failed to dial: NOT_CONNECTED.",
    "R12": "Nobody ever said that the call ended: it is judged by what is known, flag synthetic.",
}
"""Of each rule that can give a verdict."""

COUNTING: Final[dict[str, str]] = {
    "R11": "of several ends the most specific one gives the reason",
    "R13": "a repetition: an event of this source and id was there before",
    "R14": "it says that it happened after the end of the call, by more than the clock tolerance",
    "R15": "it came after the verdict, which late evidence can raise for a while and never lowers",
    "R16": "it came after the end, of which node and turn events say nothing any more",
    "R17": "it states another session_id or attempt: it is evidence of another call under this id",
}
"""Of the rules that say which evidence counts."""

SKIPS: Final[dict[str, str]] = {
    plan.UPSTREAM_FAILED: "a node before it was given up, and this one follows only its success",
    plan.UPSTREAM_SKIPPED: "a node before it was skipped, and only an edge `on: always` goes on from there",
    plan.NOT_NEEDED: "it follows only the failure of a node before it, and that one succeeded",
    plan.CONDITION: "its condition (`when`) did not hold for this call",
    plan.TEST_CALL: "this is a test call, and its workflow skips those (`test_calls: skip`)",
}
"""Why a node of a proper end was skipped."""

DEATHS: Final[dict[str, str]] = {
    "exhausted": "every attempt of its schedule failed",
    "rejected": "the endpoint refused the request, and would refuse it again",
    "auth": "the endpoint refused the credentials",
    "gone": "the endpoint says that it is gone, or wants nothing more",
    "disabled": "its endpoint had been disabled before",
    "aborted": "the endpoint asked that this be not sent again (`webhook-delivery: abort-message`)",
    "ours": "it could not be sent from here",
    "unreadable": "the event could not be read",
}
"""Why a delivery was given up, by the reason of its dead letter."""

CLASSES: Final[dict[str, str]] = {
    Class.SUCCESS: "taken",
    Class.OVERLOADED: "the endpoint has too much to do, and is left alone for a while",
    Class.TRANSIENT: "the endpoint failed, as it may not the next time",
    Class.UNSENT: "nothing of it left this side: no address, no connection, or no TLS",
    Class.AMBIGUOUS: "it was sent, and nobody knows whether it was carried out",
    Class.AUTH: "the endpoint refused the credentials",
    Class.REJECTED: "the endpoint refused the request",
    Class.GONE: "the endpoint is gone, or wants nothing more",
    Class.ABORTED: "the endpoint asked that this be not sent again",
    Class.OURS: "it could not be sent from here",
}
"""What a reply means (3-delivery.md)."""

FLAGS: Final[dict[str, str]] = {
    flags.CLOSING_INTERRUPTED: "the closing line is not known to have been spoken to its end",
    flags.ENDED_AFTER_END_NODE_BY: "at its End Call node the call was cut by silence, length or a failure",
    flags.END_NODE_UNKNOWN: "the reason says that an End Call node was reached, and nobody says which",
    flags.LATE_EVIDENCE: "evidence that came after the first verdict raised it",
    flags.UNKNOWN_NODE: "its workflow does not know the node, so the event's word was taken",
}

NOTES: Final[dict[str, str]] = {
    "after_end": "after the end",
    "clock_skew": "by its clock a node was entered after the end that came later",
    "conflict": "it contradicts the verdict, which is never lowered",
    "end_node_id_refused": "its workflow says that the node it names is no End Call node",
    "end_unreadable": "its end_node_id, ended_at or answered_at cannot be read",
    "unknown_type": "a type that postcall does not know",
    "unmapped_reason": "a reason that nobody mapped: it is taken for unknown",
    "unknown_agent": "nobody had applied its voice agent",
    "unknown_workflow": "nobody had applied its workflow",
    "unknown_version": "nobody had applied that version of its workflow",
    "no_nodes": "nothing hangs on the End Call node",
    "stale_reply": "a reply to an attempt that was over",
    "nothing_to_replay": "there was nothing to replay",
}
"""What a step notes beside the result that it counts; the others are told elsewhere."""

_SPOKEN: Final = (
    "An End Call node was reached, and its closing line is not known to have been spoken, which this workflow "
    "wants (`proper_end: spoken`): PREMATURE."
)


def of_rule(outcome: Outcome) -> str:
    """The rule that gave a verdict, as it was meant this time."""
    if outcome.rule == "R3" and outcome.verdict is Verdict.PREMATURE:
        return _SPOKEN
    if outcome.rule == "R12":
        return f"{RULES['R12']} {_LOST[outcome.verdict]}"
    return RULES.get(outcome.rule, f"a rule of another release, {outcome.rule}")


_LOST: Final = {
    Verdict.PROPER: "It was last at an End Call node: PROPER.",
    Verdict.PREMATURE: "It was answered, and was at no End Call node: PREMATURE.",
    Verdict.TRANSFERRED: "A person had taken over: TRANSFERRED.",
    Verdict.NOT_CONNECTED: "Nothing shows an answer: NOT_CONNECTED.",
}
