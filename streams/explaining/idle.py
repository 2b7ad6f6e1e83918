"""Nodes that made no request: skipped by their edges, their condition or as a test call, or never planned."""

from collections.abc import Iterable, Iterator
from typing import Final

from schemas.outcomes import Verdict
from schemas.workflow import END_CALL, POST_CALL_API, Node, Test, When, Workflow
from streams import graph, plan
from streams.explaining import words
from streams.explaining.sources import Case, Said

NOT_RUN: Final = "not_run"
"""A node of the workflow that was never planned."""
UNKNOWN: Final = "unknown"
NOTHING_LEFT: Final = "nothing that is left says what became of it"


def not_run(case: Case) -> Iterator[Said]:
    """The nodes of the workflow that were never planned, or of which nothing is left."""
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
        return "other_end", f"it hangs on {listed(ends)}, and the call ended at {reached}"
    if case.conversation is not None and case.conversation.unknown_workflow:
        again = f"postcall replay {case.sources.call_id}"
        return (
            "unknown_workflow",
            f"nobody had applied its workflow when the call ended (R19); {again} runs it",
        )
    return UNKNOWN, NOTHING_LEFT


def skipped(case: Case, said: Said) -> str:
    """Why a node was skipped, with the edges or the condition that kept it."""
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


def listed(names: Iterable[str]) -> str:
    """Names in a sentence."""
    return " and ".join(names) or "nothing"
