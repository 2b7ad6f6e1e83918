"""What became of each request of a call, and of each node that made none: why, what is next, and when."""

from collections.abc import Iterator
from typing import Any, Final

from schemas.delivery import Delivery, State
from schemas.outcomes import Verdict
from schemas.wire import moment
from schemas.workflow import END_CALL, POST_CALL_API, Node, Test, When, Workflow
from streams import graph, plan
from streams.explaining import words
from streams.explaining.sources import Case, Said
from streams.explaining.waits import Held, now_held, was_held
from streams.letters import Letter

NOT_RUN: Final = "not_run"
"""A node of the workflow that was never planned."""
UNKNOWN: Final = "unknown"
"""Nothing that is left says what became of it."""


def deliveries(case: Case) -> list[Said]:
    """All requests of an incarnation in the order of their plan, then the nodes that made none."""
    told = [_told(case, delivery_id) for delivery_id in _ids(case)]
    named = {said["id"] for said in told if said["kind"] == "node"}
    return [*told, *(said for said in _not_run(case) if said["id"] not in named)]


def _ids(case: Case) -> list[str]:
    listed = [said["delivery_id"] for record in case.settled for said in record["deliveries"]]
    logged = [said["delivery_id"] for said in case.lines]
    given_up = [each.delivery_id for each in case.letters if each.delivery_id]
    return list(dict.fromkeys((*case.planned, *case.held, *listed, *logged, *given_up)))


def _told(case: Case, delivery_id: str) -> Said:
    known = case.held.get(delivery_id) or case.planned.get(delivery_id)
    lines = [said for said in case.lines if said["delivery_id"] == delivery_id]
    letter = next((each for each in reversed(case.letters) if each.delivery_id == delivery_id), None)
    final = next((said for said in _finals(case) if said["delivery_id"] == delivery_id), None)
    state, why = _state(case, delivery_id, lines, letter, final)
    said: Said = {
        **_names(delivery_id, known, lines, letter, final),
        "result": state,
        "why": why,
        "fault": _fault(state, known, letter),
        "missing": list(known.missing) if known is not None else [],
        "attempts": [_attempt(line) for line in _once(lines)],
        "held": [_held(one) for one in was_held(case, delivery_id)],
    }
    now = now_held(case, known) if known is not None and delivery_id in case.held else None
    said["waits_for"] = [] if now is None else list(now.waits_for)
    said["words"] = in_words(case, said, known)
    said["next"] = _next(case, said, known if delivery_id in case.held else None)
    return said


def _finals(case: Case) -> Iterator[Said]:
    for record in reversed(case.settled):
        yield from record["deliveries"]


def _state(
    case: Case, delivery_id: str, lines: list[Said], letter: Letter | None, final: Said | None
) -> tuple[str, str | None]:
    """Where it stands, and why: by the row, else by what was recorded last, else by the folded log."""
    held = case.held.get(delivery_id)
    if held is not None:
        return str(held.state), held.why
    if any(line["class"] == "success" for line in lines):
        return str(State.DONE), None
    if letter is not None:
        return str(State.DEAD), letter.reason
    if final is not None:
        return str(final["result"]), final["why"]
    planned = case.planned.get(delivery_id)
    if case.past is not None and case.past.erased:
        return str(State.ERASED), None
    if planned is not None:
        return str(planned.state), planned.why
    return (str(State.PARKED) if lines and lines[-1]["next_at"] else UNKNOWN), None


def _names(
    delivery_id: str, known: Delivery | None, lines: list[Said], letter: Letter | None, final: Said | None
) -> Said:
    recorded: Said = lines[-1] if lines else letter.said if letter is not None else final or {}
    if known is None:
        fields = {name: recorded.get(name) for name in ("kind", "id", "name", "method", "endpoint")}
        return {**fields, "delivery_id": delivery_id, "after": [], "planned_at": None}
    return {
        "kind": known.kind,
        "id": known.id,
        "name": known.name,
        "method": known.method,
        "endpoint": known.endpoint or recorded.get("endpoint"),
        "delivery_id": delivery_id,
        "after": list(known.after),
        "planned_at": moment(known.planned_at),
    }


def _fault(state: str, known: Delivery | None, letter: Letter | None) -> str | None:
    if state != State.DEAD:
        return None
    stated = None if letter is None else letter.said.get("why")
    return stated or (None if known is None else known.fault)


def _once(lines: list[Said]) -> list[Said]:
    """A crash may write a line twice."""
    return list({(line["attempt"], line["started_at"]): line for line in lines}.values())


def _attempt(line: Said) -> Said:
    fields = ("attempt", "status", "error", "class", "seconds", "next_at")
    return {"at": line["started_at"], **{name: line[name] for name in fields}}


def _held(one: Held) -> Said:
    return {
        "waits_for": list(one.waits_for),
        "since": None if one.since is None else moment(one.since),
        "until": None if one.until is None else moment(one.until),
        "limit": None if one.limit is None else moment(one.limit),
        "came": one.came,
    }


def in_words(case: Case, said: Said, known: Delivery | None) -> str:
    """Why it is where it is, in a sentence."""
    match said["result"]:
        case State.SKIPPED:
            return _skipped(case, said)
        case State.DEAD:
            why = words.DEATHS.get(said["why"] or "", f"given up: {said['why']}")
            return f"{why}: {said['fault']}" if said["fault"] else why
        case State.WAITING:
            return f"waits until {_list(said['waits_for'])} {_is(said['waits_for'])} final"
        case State.UNREADY:
            return f"held for {_list(said['waits_for'])}"
        case State.STARTED if known is not None and known.due is not None:
            return "a former worker has its attempt on the wire, and its reply is waited for"
        case State.STARTED:
            return "its attempt is on the wire, or waits for its turn in the lane of its endpoint"
        case State.PARKED:
            last = said["attempts"][-1]["class"] if said["attempts"] else ""
            return words.CLASSES.get(last, "its last attempt failed")
        case State.ERASED:
            return "cancelled: the call was erased"
        case State.DONE:
            return "taken by the endpoint"
        case _:
            return "nothing that is left says what became of it"


def _skipped(case: Case, said: Said) -> str:
    why = words.SKIPS.get(said["why"] or "", f"skipped: {said['why']}")
    if said["why"] == plan.CONDITION and case.workflow is not None:
        node = case.workflow.node(said["id"])
        return f"{why}: {condition(node.when)}" if node is not None and node.when is not None else why
    edges = _edges(case, said["id"])
    return f"{why}: {', '.join(edges)}" if edges and said["why"] != plan.TEST_CALL else why


def _edges(case: Case, node_id: str) -> list[str]:
    """The arrows to a node, and how what they come from ended."""
    outcome, workflow = case.outcome, case.workflow
    if outcome is None or workflow is None or outcome.end_node_id is None:
        return []
    states = {
        one.id: one.state for one in (*case.planned.values(), *case.held.values()) if one.kind == "node"
    }
    listed = {one["id"]: one["result"] for record in case.settled for one in record["deliveries"]}
    return [
        f"{edge.source} {listed.get(edge.source) or states.get(edge.source, 'unknown')} (on: {edge.on})"
        for edge in graph.parents(workflow, node_id, outcome.end_node_id)
    ]


def condition(when: When) -> str:
    """A condition as its document has it, on one line."""
    tests = (f"({condition(one)})" if isinstance(one, When) else _test(one) for one in when.tests)
    return f" {'and' if when.mode == 'all' else 'or'} ".join(tests)


def _test(test: Test) -> str:
    if test.op == "exists":
        return f"{test.path} {'does not exist' if test.value is False else 'exists'}"
    return f"{test.path} {test.op} {test.value!r}"


def _next(case: Case, said: Said, held: Delivery | None) -> Said | None:
    """What happens next by itself, and when at the latest; else what an operator can do."""
    at = None if held is None or held.due is None else moment(held.due)
    match said["result"]:
        case State.PARKED:
            number = len(said["attempts"]) + 1
            at = at or (said["attempts"][-1]["next_at"] if said["attempts"] else None)
            return {"what": f"attempt {number}", "at": at}
        case State.UNREADY:
            return {"what": "it goes without what has not come, as its `missing` says", "at": at}
        case State.STARTED if at is not None:
            return {"what": "the attempt is made again if no reply came", "at": at}
        case State.DEAD:
            flag = "--node" if said["kind"] == "node" else "--type"
            return {"what": f"postcall replay --call {case.sources.call_id} {flag} {said['id']}", "at": None}
        case _:
            return None


# -- nodes that made no request


def _not_run(case: Case) -> Iterator[Said]:
    workflow = case.workflow
    if workflow is None:
        return
    for node in workflow.nodes:
        if node.type == POST_CALL_API:
            why, in_words = _why_not(case, workflow, node)
            yield {
                "kind": "node",
                "id": node.id,
                "name": node.name,
                "result": NOT_RUN,
                "why": why,
                "words": in_words,
            }


def _why_not(case: Case, workflow: Workflow, node: Node) -> tuple[str, str]:
    outcome = case.outcome
    if outcome is None:
        return "undecided", "the call has no verdict yet, and only a proper end runs nodes"
    if outcome.verdict is not Verdict.PROPER:
        stated = f"only a proper end runs nodes, and this call was {outcome.verdict}"
        return "verdict", f"{stated} by {outcome.rule}: {words.of_rule(outcome)}"
    reached = outcome.end_node_id or ""
    ends = [
        one.id for one in workflow.nodes if one.type == END_CALL and node in graph.after_end(workflow, one.id)
    ]
    if reached not in ends:
        return "other_end", f"it hangs on {_list(ends)}, and the call ended at {reached}"
    if case.conversation is not None and case.conversation.unknown_workflow:
        again = f"postcall replay {case.sources.call_id}"
        return (
            "unknown_workflow",
            f"nobody had applied its workflow when the call ended (R19); {again} runs it",
        )
    return UNKNOWN, "nothing that is left says what became of it"


def _list(names: Any) -> str:
    return " and ".join(names) or "nothing"


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
