"""What became of each request of a call: why, what is next, and when. Of nodes that made none: idle.py."""

from collections.abc import Iterator

from schemas.delivery import Delivery, State
from schemas.wire import moment
from streams.explaining import words
from streams.explaining.idle import NOTHING_LEFT, UNKNOWN, listed, not_run, skipped
from streams.explaining.sources import Case, Said
from streams.explaining.waits import Held, now_held, was_held
from streams.letters import Letter


def deliveries(case: Case) -> list[Said]:
    """All requests of an incarnation in the order of their plan, then the nodes that made none."""
    told = [_told(case, delivery_id) for delivery_id in _ids(case)]
    named = {said["id"] for said in told if said["kind"] == "node"}
    return [*told, *(said for said in not_run(case) if said["id"] not in named)]


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
            return skipped(case, said)
        case State.DEAD:
            why = words.DEATHS.get(said["why"] or "", f"given up: {said['why']}")
            return f"{why}: {said['fault']}" if said["fault"] else why
        case State.WAITING:
            return f"waits until {listed(said['waits_for'])} {_is(said['waits_for'])} final"
        case State.UNREADY:
            return f"held for {listed(said['waits_for'])}"
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
            return NOTHING_LEFT


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


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"
