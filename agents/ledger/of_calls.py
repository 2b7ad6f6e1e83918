"""One call judged: its verdict, what it owed, what it must not have sent, and in which order."""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.ledger import conditions
from agents.ledger.arrivals import Course, course_of
from agents.ledger.attribution import NOWHERE, SEVERAL, Delivery
from agents.ledger.case import Case
from agents.ledger.graph import Duty, duties
from agents.ledger.judgement import Judging
from agents.ledger.owed import hooks_of
from agents.ledger.reading import SPECIFIC, Given, Reading, unmapped
from agents.ledger.rules import span
from agents.ledger.told import Told
from agents.ledger.witnesses import moment

_OF_A_CALL = ("lost", "phantom", "order", "verdict")


def judge_call(judging: Judging, call_id: str) -> None:
    """Judge what can be judged of a call; the rest is left, with the reason."""
    case = Case(judging, call_id, judging.told_of[call_id])
    if why := _beyond(case):
        for invariant in _OF_A_CALL:
            judging.leave(invariant, why, call_id)
        return
    _keep_lanes(case)
    course = _course(case)
    if course is None:
        for invariant in _OF_A_CALL:
            judging.leave(invariant, "its ends use several words of a platform, which a table maps", call_id)
        return
    if course.least is not None:
        judging.readings[call_id] = course.least
    _judge_verdict(case, course)
    verdicts = course.meant(case.verdicts)
    if not verdicts or (not case.verdicts and not _due(case, course)):
        _judge_without_verdict(case, course)
        return
    owed = _duties(case, verdicts)
    _judge_nodes(case, owed)
    _judge_hooks(case, verdicts)
    _judge_settled(case, owed)
    _judge_order(case, owed)


def _beyond(case: Case) -> str | None:
    """Why a call is beyond an independent reading; None if it is not."""
    since = case.judging.asked.since
    if since is not None and case.told[0].at < since:
        return "it began before the time from which is judged"
    said = {each.session_id or each.attempt for each in case.told} - {None}
    if len({each.session_id for each in case.told if each.session_id}) > 1 or len(said) > 1:
        return "its id was used again: several session ids or attempts (R17)"
    return case.undecided[0] if case.undecided else None


def _keep_lanes(case: Case) -> None:
    agent = case.pin.agent_id or ""
    for delivery, seen_of in case.requests.items():
        case.judging.lanes.extend((seen, delivery, agent) for seen in seen_of)


def _course(case: Case) -> Course | None:
    """What the call may come to; None where that takes the engine's table of the platforms' words."""
    rules = case.judging.asked.rules
    words = set(unmapped(case.told))
    if not words:
        return course_of(case.told, Given(case.workflow), rules)
    case.judging.leave("verdict", "a reason was believed: a table maps the platforms' words", case.call_id)
    reasons = dict.fromkeys([*(each.reason for each in reversed(case.verdicts)), "unknown", *SPECIFIC])
    courses = [course_of(case.told, Given(case.workflow, each), rules) for each in reasons]
    fitting = [
        each for each in courses if set(case.verdicts) <= set(each.possible) and each.rises(case.verdicts)
    ]
    if fitting:
        return fitting[0]
    return courses[0] if len(words) == 1 else None


def _due(case: Case, course: Course) -> bool:
    return course.due is not None and case.judging.past(course.due)


def _judge_verdict(case: Case, course: Course) -> None:
    judging, call_id, verdicts = case.judging, case.call_id, case.verdicts
    firsts = [each for each in case.verdict_records if each.said["type"] == "call.outcome"]
    if not verdicts and not _due(case, course):
        if course.due is not None:
            judging.open_calls.append(call_id)
        return
    judging.claim("verdict", len(firsts) == 1, call_id, f"{len(firsts)} first verdicts")
    if not verdicts:
        return
    expected = " or ".join(map(str, course.possible)) or "none yet"
    for verdict in verdicts:
        judging.claim("verdict", verdict in course.possible, call_id, f"{verdict}; expected {expected}")
    # Late evidence waits for a grace of its own.
    if course.rises(verdicts) or judging.past(case.told[-1].at + judging.asked.rules.grace):
        order = " then ".join(map(str, verdicts))
        found = f"{order}; expected {course.least} at last"
        judging.claim("verdict", course.rises(verdicts), call_id, found)


def _judge_without_verdict(case: Case, course: Course) -> None:
    """A call that goes on: its events' webhooks may be there, and nothing else."""
    for (kind, name), seen_of in case.requests.items():
        if kind == "node" and case.judging.past(seen_of[0].at):
            found = f"a request of node {name} before any verdict"
            case.judging.claim("phantom", False, case.call_id, found)
    _judge_hooks(case, [])


def _duties(case: Case, verdicts: Sequence[Reading]) -> dict[str, Duty]:
    last = verdicts[-1]
    if last.verdict != "PROPER" or case.workflow is None:
        return {}
    private = bool((case.agent or {}).get("privacy"))
    decided = case.verdict_records[-1] if case.verdict_records else None
    by = float("inf") if decided is None else moment(decided.said.get("decided_at")) or decided.at
    deadline = span(case.workflow.get("ready_deadline")) or case.judging.asked.rules.ready_deadline
    tested = next((e.is_test for e in sorted(case.told, key=_order) if e.is_test is not None), False)
    skipped = bool(tested) and case.workflow.get("test_calls") == "skip"

    def holds(node: Mapping[str, Any]) -> bool | None:
        until = by if node.get("needs") is not None else by + deadline - case.judging.asked.rules.pacing
        return conditions.holds(node["when"], conditions.values(case.told, last, private, by, until))

    return duties(
        case.workflow,
        str(last.end_node_id),
        case.state_of,
        holds,
        lambda node: case.replayed(("node", node)),
        skipped,
    )


def _order(told: Told) -> Any:
    return told.order


def _judge_nodes(case: Case, owed: Mapping[str, Duty]) -> None:
    judging, call_id = case.judging, case.call_id
    for node, duty in owed.items():
        if duty.expected == "send":
            _judge_delivery(case, ("node", node), f"node {node}", 1)
        elif duty.expected == "unknown":
            judging.leave("lost", duty.why, call_id)
        elif duty.expected == "skip" and case.settled:
            fate = case.fates.get(("node", node), {}).get("result")
            found = f"node {node} is {fate or 'not told of'} in call.settled; expected skipped"
            judging.claim("lost", fate in {"skipped", "erased"}, call_id, found)
    for kind, node in case.requests:
        if kind == "node" and node == SEVERAL:
            judging.leave("phantom", "several nodes send to one place, and no log says which it was", call_id)
        elif kind == "node" and judging.past(case.requests[kind, node][0].at):
            expected = owed[node].expected if node in owed else "skip"
            where = case.requests[kind, node][0].path if node == NOWHERE else f"of node {node}"
            found = f"a request {where}, which was not owed"
            judging.claim("phantom", expected in {"send", "unknown"}, call_id, found)


def _judge_delivery(case: Case, delivery: Delivery, named: str, count: int) -> None:
    """Whether so many deliveries of a kind each have a request and one final record, or may still get them."""
    judging, call_id = case.judging, case.call_id
    finals = case.finals(delivery)
    ids = {each.said["delivery_id"] for each in finals}
    if len(ids) < count and _may_come(case, delivery):
        if call_id not in judging.open_calls:
            judging.open_calls.append(call_id)
        return
    unsent = case.unsent(delivery)
    made = {seen.key for seen in case.requests.get(delivery, [])}
    if unsent - made and judging.witnesses.requests is not None:
        judging.leave("lost", "given up before any request left, by the engine's own word", call_id)
    whole = len(made | unsent) >= count
    judging.claim("lost", whole, call_id, f"{'no' if not made else len(made)} request of {named}")
    once = len(finals) == len(ids) or case.replayed(delivery)
    right = len(ids) == count and once
    judging.claim("lost", right, call_id, f"{len(finals)} final records of {named}; expected {count}")
    if judging.witnesses.requests is not None:
        taken = {seen.key for seen in case.requests.get(delivery, []) if seen.succeeded}
        done = {each.said["delivery_id"] for each in finals if each.said.get("class") == "success"}
        judging.claim("lost", done <= taken, call_id, f"{named} is logged as taken, and nobody took it")


def _may_come(case: Case, delivery: Delivery) -> bool:
    rules = case.judging.asked.rules
    if (due := case.next_at(delivery)) is not None:
        # Waiting for an endpoint that rests uses no attempt: an hour at most.
        return not case.judging.past(due + 3600.0)
    done = [
        moment(each.said.get("started_at")) or each.at for all_of in case.logged.values() for each in all_of
    ]
    since = max([case.told[-1].at, *(each.at for each in case.outcomes), *done])
    return not case.judging.past(since + (rules.ready_deadline if delivery[0] == "node" else 0.0))


def _judge_hooks(case: Case, verdicts: Sequence[Reading]) -> None:
    judging, call_id = case.judging, case.call_id
    expected = hooks_of(case.told, verdicts, case.agent)
    replays = any(case.replayed(delivery) for delivery in case.requests)
    for name, count in expected.items():
        again = replays and name == "call.settled"
        _judge_delivery(case, ("webhook", name), f"webhook {name}", count if not again else _ids(case, name))
    for kind, name in case.requests:
        if kind == "webhook":
            keys = {seen.key for seen in case.requests[kind, name] if judging.past(seen.at)}
            few = len(keys) <= expected[name] or (replays and name == "call.settled")
            found = f"{len(keys)} requests of webhook {name or '(no type)'}; {expected[name]} were owed"
            judging.claim("phantom", few, call_id, found)


def _ids(case: Case, name: str) -> int:
    return len({each.said["delivery_id"] for each in case.finals(("webhook", name))})


def _judge_settled(case: Case, owed: Mapping[str, Duty]) -> None:
    judging = case.judging
    waiting = any(
        duty.expected in {"hold", "send", "unknown"} and case.state_of(node) is None
        for node, duty in owed.items()
    )
    count, wanted = len(case.settled), len(case.verdicts)
    last = max([case.told[-1].at, *(each.at for each in case.outcomes)])
    if count < wanted and judging.asked.now is not None and (waiting or not judging.past(last)):
        return
    replayed = any(case.replayed(delivery) for delivery in case.requests)
    right = count == wanted or (replayed and count > wanted)
    judging.claim("lost", right, case.call_id, f"{count} records of call.settled; expected {wanted}")


def _judge_order(case: Case, owed: Mapping[str, Duty]) -> None:
    for node, duty in owed.items():
        for parent in duty.parents:
            began = min((seen.at for seen in case.requests.get(("node", node), [])), default=None)
            answers = [seen for seen in case.requests.get(("node", parent), []) if seen.answer_at is not None]
            good = [seen.answer_at for seen in answers if seen.succeeded and seen.answer_at is not None]
            over = min(good) if good else max((seen.answer_at or 0.0 for seen in answers), default=0.0)
            if began is not None and not case.replayed(("node", parent)):
                early = f"node {node} began {over - began:.3f} s before {parent} was answered"
                case.judging.claim("order", began >= over - 0.001, case.call_id, early)
