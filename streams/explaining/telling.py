"""The whole answer to "why?" for one call: its incarnations with evidence, verdict, requests, what is next."""

from collections.abc import Iterator
from typing import Final

from schemas.messages import Erase, Replay
from schemas.outcomes import Outcome
from schemas.wire import moment
from streams import evidence
from streams.explaining import words
from streams.explaining.deliveries import deliveries
from streams.explaining.facts import facts, way
from streams.explaining.hearsay import events
from streams.explaining.sources import Case, Said, Sources, outcome_of

OPEN: Final = "open"
DECIDED: Final = "decided"
RESTING: Final = "resting"
SETTLED: Final = "settled"
ERASED: Final = "erased"
FORGOTTEN: Final = "forgotten"
UNHANDLED: Final = "unhandled"


def explain(sources: Sources) -> Said:
    """All that is known of a call, as `postcall explain --json` prints it."""
    cases = sources.cases if sources.found else []
    return {
        "call_id": sources.call_id,
        "found": sources.found,
        "partition": sources.partition,
        "incarnations": [_incarnation(case) for case in cases],
    }


def _incarnation(case: Case) -> Said:
    outcome, requests = case.outcome, deliveries(case)
    workflow_id, version = case.pinned
    state = _state(case)
    return {
        "incarnation": case.number,
        "state": state,
        **_verdict(case, outcome),
        "workflow_id": workflow_id,
        "workflow_version": version,
        "agent_id": _agent(case),
        "upgrades": _upgrades(case),
        "path": _path(case),
        "notes": list(_notes(case)),
        "timeline": sorted(_timeline(case, requests), key=lambda said: str(said["at"])),
        "deliveries": requests,
        "next": _next(case, state),
    }


def _verdict(case: Case, outcome: Outcome | None) -> Said:
    if outcome is None:
        names = ("verdict", "rule", "end_node_id", "reason", "decided_at", "ended_at", "words")
        return dict.fromkeys(names) | {"flags": {}, "synthetic": False, "facts": _facts(case)}
    decided_at = case.records[-1]["decided_at"] if case.records else None
    if case.conversation is not None and case.conversation.decided_at is not None:
        decided_at = moment(case.conversation.decided_at)
    return {
        "verdict": outcome.verdict.value,
        "rule": outcome.rule,
        "end_node_id": outcome.end_node_id,
        "reason": outcome.reason,
        "decided_at": decided_at,
        "ended_at": None if outcome.ended_at is None else moment(outcome.ended_at),
        "words": words.of_rule(outcome),
        "flags": {flag: words.FLAGS.get(flag, "") for flag in outcome.flags},
        "synthetic": outcome.synthetic,
        "facts": _facts(case),
    }


def _facts(case: Case) -> list[str]:
    if case.evidence is None:
        return []
    return facts(case.evidence, case.workflow, case.sources.policy.durations.clock_tolerance)


def _path(case: Case) -> list[Said]:
    """The nodes that were entered by the end, in the order of R14."""
    if case.evidence is None:
        return []
    steps = way(case.evidence, case.sources.policy.durations.clock_tolerance).steps
    return [{"node_id": one.node_id, "at": moment(one.occurred_at)} for one in steps]


def _agent(case: Case) -> str | None:
    if case.records:
        return str(case.records[-1]["agent_id"]) if case.records[-1]["agent_id"] else None
    known = case.evidence
    return None if known is None else evidence.agent_id(known)


def _upgrades(case: Case) -> list[Said]:
    if case.conversation is not None:
        return [
            {"from": one.before.value, "to": one.after.value, "rule": one.rule}
            for one in case.conversation.upgrades
        ]
    return [
        {"from": said["upgraded_from"], "to": said["verdict"], "rule": said["rule"]}
        for said in case.records
        if "upgraded_from" in said
    ]


def _state(case: Case) -> str:
    if case.conversation is not None:
        if case.conversation.resting:
            return RESTING
        return OPEN if case.conversation.outcome is None else DECIDED
    if case.past is not None:
        return ERASED if case.past.erased else SETTLED
    return UNHANDLED if case.unhandled else FORGOTTEN


def _notes(case: Case) -> Iterator[str]:
    """What else must be said, in words."""
    if case.conversation is not None and case.conversation.unknown_workflow:
        yield "nobody had applied its voice agent, its workflow or that version of it at the verdict (R19)"
    if case.workflow is None and case.pinned[0] is not None:
        yield f"workflow {case.pinned[0]}@{case.pinned[1]} is not in force: what hung on it is not known here"
    if case.conversation is not None and case.conversation.contested:
        yield "late evidence contradicts the verdict, which is never lowered (R15)"
    if not case.beats and case.outcome is not None:
        yield "none of its events is left: what they said is not known any more, only what was recorded"
    told = None if case.retold is None else case.retold.outcome
    recorded = case.outcome
    if told is not None and recorded is None:
        yield f"folded here its log comes to {told.verdict} by {told.rule}; no worker has recorded a verdict"
    if told is not None and recorded is not None and _claim(told) != _claim(recorded) and case.beats:
        yield (
            f"folded once more its log comes to {told.verdict} by {told.rule}; the workers' own record is told "
            "here: some of its events have expired, or documents or settings were others then"
        )


def _claim(outcome: Outcome) -> tuple[str, str, str | None]:
    return outcome.verdict.value, outcome.rule, outcome.end_node_id


def _timeline(case: Case, requests: list[Said]) -> Iterator[Said]:
    yield from events(case)
    for said in case.records:
        outcome = outcome_of(said)
        yield {
            "at": said["decided_at"],
            "what": "verdict" if "upgraded_from" not in said else "upgrade",
            "verdict": outcome.verdict.value,
            "rule": outcome.rule,
            "end_node_id": outcome.end_node_id,
            "words": words.of_rule(outcome),
        }
    for request in requests:
        name = {"kind": request["kind"], "id": request["id"]}
        for one in request.get("held", ()):
            if one["since"] is not None:
                yield {"what": "held", **name, **one, "at": one["since"]}
        for one in request.get("attempts", ()):
            yield {"what": "attempt", **name, **one}
    for each in case.letters:
        yield {"at": moment(each.at), "what": "dead", "kind": each.kind, "id": each.id, "reason": each.reason}
    yield from _operated(case)


def _operated(case: Case) -> Iterator[Said]:
    """What operators asked for; of the whole call, so it is told with each incarnation."""
    for beat in case.sources.retold.beats:
        match beat.entry.message:
            case Erase():
                yield {"at": moment(beat.entry.at), "what": "erase"}
            case Replay(deliveries=wanted):
                yield {"at": moment(beat.entry.at), "what": "replay", "deliveries": list(wanted)}
            case _:
                pass


def _next(case: Case, state: str) -> Said | None:
    """What happens to the conversation by itself, and when."""
    one = case.conversation
    if state == UNHANDLED:
        return {
            "what": "no worker has handled it yet, or all have forgotten it: see `postcall doctor`",
            "at": None,
        }
    if one is None:
        return None
    at = None if one.conclude_at is None else moment(one.conclude_at)
    match state:
        case "open" if at is None:
            return {"what": "nothing that is evidence of a call was heard: it waits for that", "at": None}
        case "open" if one.evidence.terminals:
            return {"what": "the verdict falls when the grace is over (R14)", "at": at}
        case "open":
            return {"what": "it counts as lost if nothing more is heard of it (R12)", "at": at}
        case "decided" if at is not None:
            return {"what": "it is judged again, with what came late (R15)", "at": at}
        case "decided" if one.window_until is not None:
            return {
                "what": "until then late evidence can raise the verdict (R15)",
                "at": moment(one.window_until),
            }
        case "resting" if one.outcome is not None and one.outcome.synthetic:
            return {"what": "if anything is heard of it, it goes on (R12)", "at": None}
        case "resting":
            return {"what": "kept for a replay, for POSTCALL_REMEMBER", "at": None}
        case _:
            return None
