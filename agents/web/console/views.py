"""What the pages show: from what is known to the plain values that templates are given."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args
from urllib.parse import quote, urlencode

import msgspec

from agents.replaying import Plan
from schemas.outcomes import Verdict
from schemas.workflow import POST_CALL_API, Workflow
from streams.console.bars import axis
from streams.console.calls import UNDECIDED, CallRow, Filter, chosen
from streams.console.drawing import Drawing, draw
from streams.console.endpoints import EndpointRow
from streams.console.window import MOST_CALLS, Window
from streams.definitions import Snapshot
from streams.explaining.sources import Said
from streams.letters import Letter, Selection, latest, selects
from streams.records import Reason

Values = dict[str, Any]

PAGE: Final = 50
"""Rows of a list on one page."""

VERDICTS: Final = (*Verdict, UNDECIDED)

OF_REQUESTS: Final = frozenset({"attempt", "held", "dead"})
"""What of a timeline is told with its request."""


def calls(window: Window, wanted: Filter, asked: Mapping[str, str], page: int) -> Values:
    """The list of calls, the newest first."""
    newest = chosen(reversed(window.calls.values()), wanted)
    rules = sorted(
        {one.rule for one in window.calls.values() if one.rule}, key=lambda rule: int(rule[1:] or 0)
    )
    return {
        "rows": [_call(one) for one in newest[(page - 1) * PAGE : page * PAGE]],
        "found": len(newest),
        "held": len(window.calls),
        "most": MOST_CALLS,
        "oldest": next(iter(window.calls.values())).at if window.calls else None,
        "verdicts": [{"name": each, "chosen": each == wanted.verdict} for each in VERDICTS],
        "counts": [
            {"name": name, "count": count, "link": _link("/", {"verdict": name})}
            for name, count in sorted(Counter(one.verdict for one in window.calls.values()).items())
        ],
        "agents": [
            {"name": each, "chosen": each == wanted.agent}
            for each in sorted(
                {one.agent_id for one in window.calls.values() if one.agent_id} | {wanted.agent} - {""}
            )
        ],
        "rules": [{"name": each, "chosen": each == wanted.rule} for each in rules],
        "asked": {name: asked.get(name, "") for name in ("since", "text")},
        "filtered": not wanted.empty,
        "look_for": _link("/call", {"id": wanted.text}) if wanted.text and not newest else None,
        **_paging("/", asked, page, len(newest)),
    }


def _call(one: CallRow) -> Values:
    number = f"#{one.incarnation}" if one.incarnation != 1 else ""
    return {
        "name": one.call_id + number,
        "link": call_link(one.call_id),
        "at": one.at,
        "verdict": one.verdict,
        "rule": one.rule,
        "reason": one.reason,
        "end": one.end_node_id,
        "agent": one.agent_id,
        "workflow": one.workflow,
        "flags": list(one.flags),
        "settled": one.settled,
        **{name: one.count(name) for name in ("done", "dead", "retried", "skipped")},
    }


def call(told: Said, documents: Snapshot) -> Values:
    """One call: its incarnations, the newest first, each with evidence, requests and graph."""
    return {
        "call_id": told["call_id"],
        "found": told["found"],
        "events_since": told["events_since"],
        "partition": told["partition"],
        "incarnations": [_incarnation(one, documents) for one in reversed(told["incarnations"])],
    }


def _incarnation(one: Said, documents: Snapshot) -> Values:
    time = axis(one["deliveries"])
    deliveries = [
        {
            **{
                name: said.get(name)
                for name in ("kind", "id", "method", "endpoint", "result", "words", "next")
            },
            "missing": said.get("missing") or [],
            "held": said.get("held") or [],
            "attempts": said.get("attempts") or [],
            "bars": [
                msgspec.to_builtins(bar)
                for each in said.get("attempts") or []
                if time is not None and (bar := time.bar(each)) is not None
            ],
        }
        for said in one["deliveries"]
    ]
    workflow = None
    if one["workflow_id"] is not None and one["workflow_version"] is not None:
        workflow = documents.workflow(one["workflow_id"], one["workflow_version"])
    return {
        **one,
        "flags": [{"name": name, "words": text} for name, text in one["flags"].items()],
        "evidence": [_heard(said) for said in one["timeline"] if said["what"] not in OF_REQUESTS],
        "deliveries": deliveries,
        "axis_seconds": None if time is None else time.seconds,
        "axis_begin": None if time is None else time.begin,
        "workflow_link": None if workflow is None else workflow_link(workflow),
        "graph": None if workflow is None else graph(workflow, one),
    }


def _heard(said: Said) -> Values:
    names = ("type", "says", "source", "counted", "rule", "why", "verdict", "end_node_id", "words")
    return {"at": said["at"], "what": said["what"], "notes": said.get("notes") or []} | {
        name: said.get(name) for name in names
    }


def graph(workflow: Workflow, one: Said | None = None) -> Values | None:
    """A workflow's drawing, with what a call did on it; None where it is too large to draw."""
    steps = [] if one is None else [step["node_id"] for step in one["path"]]
    states: dict[str, str] = {}
    if one is not None:
        if not steps and one["end_node_id"]:
            steps = [one["end_node_id"]]
        states = {said["id"]: said["result"] for said in one["deliveries"] if said["kind"] == "node"}
    drawing: Drawing | None = draw(workflow, steps, states)
    return (
        None
        if drawing is None
        else {**msgspec.to_builtins(drawing), "way": bool(steps), "says": _says(workflow, steps, states)}
    )


def _says(workflow: Workflow, steps: Sequence[str], states: Mapping[str, str]) -> str:
    """The drawing for those who do not see it."""
    what = f"workflow {workflow.id}, version {workflow.version}, {len(workflow.nodes)} nodes"
    way = f"; the call went through {', then '.join(steps)}" if steps else ""
    ran = "".join(f"; {name} {state}" for name, state in states.items())
    return what + way + ran


def workflows(documents: Snapshot) -> Values:
    """All workflows, each with its versions."""
    rows = []
    for workflow_id, versions in sorted(documents.workflows.items()):
        current = documents.in_force(workflow_id)
        newest = versions.get(current) if current is not None else None
        rows.append(
            {
                "id": workflow_id,
                "name": "" if newest is None else newest.name,
                "in_force": current,
                "versions": [
                    {"number": number, "link": workflow_link(versions[number])} for number in sorted(versions)
                ],
                "agents": sorted(
                    each.id for each in documents.agents.values() if each.workflow == workflow_id
                ),
            }
        )
    return {"rows": rows}


def workflow(one: Workflow, current: int | None) -> Values:
    """One version of a workflow: drawn, and its Post Call API nodes. Headers, bodies and credentials stay away."""
    return {
        "id": one.id,
        "name": one.name,
        "version": one.version,
        "in_force": one.version == current,
        "graph": graph(one),
        "nodes": [
            {
                "id": node.id,
                "name": node.name,
                "method": node.sending.method,
                "url": node.sending.url,
                "after": [edge.source for edge in one.edges if edge.target == node.id],
            }
            for node in one.nodes
            if node.type == POST_CALL_API and node.sending is not None
        ],
    }


def endpoints(window: Window, documents: Snapshot) -> Values:
    """All endpoints, those that need somebody first."""
    order = {"disabled": 0, "failing": 1, "uneven": 2, "well": 3}
    rows = [_endpoint(each, documents) for each in window.endpoints.values()]
    return {
        "rows": sorted(rows, key=lambda row: (order[row["health"]], row["url"])),
        "marks": [
            {
                "name": name,
                "disabled": mark.disabled,
                "since": mark.failing_since,
                "why": mark.why or "",
            }
            for name, mark in sorted(documents.marks.items())
        ],
    }


def _endpoint(one: EndpointRow, documents: Snapshot) -> Values:
    return {
        "url": one.url,
        "health": one.health(documents.marks),
        "attempts": len(one.classes),
        "failed": one.failed,
        "p50": one.percentile(0.5),
        "p95": one.percentile(0.95),
        "p99": one.percentile(0.99),
        "last_at": one.last_at,
        "last_fault": one.last_fault,
        "names": sorted(one.names)[:10],
        "more": max(0, len(one.names) - 10),
        "letters": _link("/dead-letters", {"endpoint": one.url}),
    }


def dead_letters(window: Window, wanted: Selection, asked: Mapping[str, str], page: int) -> Values:
    """The letters that are meant, the newest first."""
    found = [each for each in reversed(latest(window.letters.values())) if selects(wanted, each)]
    return {
        "rows": [letter(each) for each in found[(page - 1) * PAGE : page * PAGE]],
        "found": len(found),
        "reasons": [{"name": each, "chosen": each == wanted.reason} for each in get_args(Reason)],
        "asked": {name: asked.get(name, "") for name in SELECTING},
        "filtered": not wanted.empty,
        **_paging("/dead-letters", asked, page, len(found)),
    }


SELECTING: Final = ("call", "node", "type", "endpoint", "reason", "since", "until")


def letter(each: Letter) -> Values:
    """One dead letter. What an event said is not in it."""
    source = each.said.get("source") or {}
    where = f"{source.get('topic')}[{source.get('partition')}]@{source.get('offset')}"
    return {
        "delivery_id": each.delivery_id,
        "at": each.at,
        "reason": each.reason,
        "call": each.call_id,
        "link": call_link(each.call_id) if each.call_id else None,
        "what": f"{each.kind} {each.id}" if each.delivery_id else f"event {where}",
        "endpoint": each.endpoint,
        "attempts": len(each.said.get("attempts") or ()),
        "why": str(each.said.get("why") or ""),
    }


def replay(plan: Plan, asked: Sequence[tuple[str, str]], done: bool) -> Values:
    """What a replay would ask for, or has asked for. `asked` are the fields that asked, to be sent once more."""
    return {
        "rows": [letter(each) | {"fate": becomes} for each, becomes in plan.letters],
        "deliveries": plan.deliveries,
        "whole_call": plan.whole_call,
        "messages": len(plan.messages),
        "done": done,
        "asked": [{"name": name, "value": value} for name, value in asked],
    }


def call_link(call_id: str) -> str:
    """The page of a call, whatever its id is made of."""
    return _link("/call", {"id": call_id})


def workflow_link(one: Workflow) -> str:
    """The page of a workflow version."""
    return _link("/workflow", {"id": one.id, "version": str(one.version)})


def _link(path: str, asked: Mapping[str, str]) -> str:
    given = {name: value for name, value in asked.items() if value}
    return f"{path}?{urlencode(given, quote_via=quote)}" if given else path


def _paging(path: str, asked: Mapping[str, str], page: int, found: int) -> Values:
    last = max(1, -(-found // PAGE))
    return {
        "page": page,
        "last": last,
        "newer": _link(path, {**asked, "page": str(page - 1)}) if page > 1 else None,
        "older": _link(path, {**asked, "page": str(page + 1)}) if page < last else None,
    }
