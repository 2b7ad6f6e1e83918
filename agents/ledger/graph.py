"""Which nodes a proper end sets off, and what each of them must do given how those before it ended."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from agents.ledger.documents import Document

State = Literal["done", "dead", "skipped", "erased"] | None
"""What became of a node; None: nothing final yet."""

Expected = Literal["send", "skip", "hold", "unknown"]
"""To send; not to; to wait for those before it; or what only the engine can know."""

_SATISFIED_BY: Final[dict[str, set[State]]] = {
    "success": {"done"},
    "failure": {"dead"},
    "always": {"done", "dead", "skipped"},
}


@dataclass(frozen=True, slots=True)
class Duty:
    """What a node must do; `parents` are those that it waits for, `why` says what keeps it or is not known."""

    expected: Expected
    parents: tuple[str, ...] = ()
    why: str = ""


def side_of(workflow: Document, end_node: str) -> list[str]:
    """The Post Call API nodes behind an End Call node, in the document's order."""
    api = [node["id"] for node in workflow["nodes"] if node["type"] == "post_call_api"]
    reached: set[str] = set()
    ahead = [end_node]
    while ahead:
        source = ahead.pop()
        following = {edge["target"] for edge in workflow.get("edges") or () if edge["source"] == source}
        fresh = (following & set(api)) - reached
        reached |= fresh
        ahead += fresh
    return [node for node in api if node in reached]


def duties(
    workflow: Document,
    end_node: str,
    state_of: Callable[[str], State],
    holds: Callable[[Mapping[str, Any]], bool | None],
    replayed: Callable[[str], bool],
    skip_all: bool = False,
) -> dict[str, Duty]:
    """What every node behind an End Call node must do. `holds` says whether a node's `when` does, `replayed` whether an
    operator sent a node again, `skip_all` is for test calls that run nothing."""
    side = side_of(workflow, end_node)
    nodes = {node["id"]: node for node in workflow["nodes"]}
    edges = [
        edge for edge in workflow.get("edges") or () if edge["source"] in side and edge["target"] in side
    ]
    found: dict[str, Duty] = {}

    def ended(parent: str) -> State:
        return "skipped" if found[parent].expected == "skip" else state_of(parent)

    while len(found) < len(side):
        node = next(
            each
            for each in side
            if each not in found and all(e["source"] in found for e in edges if e["target"] == each)
        )
        before = [(edge["source"], edge.get("on") or "success") for edge in edges if edge["target"] == node]
        parents = tuple(source for source, _ in before)
        if skip_all:
            found[node] = Duty("skip", parents, "test_call")
        elif doubtful := [each for each in parents if found[each].expected == "unknown" or replayed(each)]:
            found[node] = Duty("unknown", parents, f"it comes after {doubtful[0]}")
        else:
            ends = [(ended(source), on) for source, on in before]
            found[node] = _gate(nodes[node], parents, ends, holds)
    return found


def _gate(
    node: Mapping[str, Any],
    parents: tuple[str, ...],
    ends: list[tuple[State, str]],
    holds: Callable[[Mapping[str, Any]], bool | None],
) -> Duty:
    if any(state is None for state, _ in ends):
        return Duty("hold", parents)
    if any(state == "erased" for state, _ in ends):
        return Duty("unknown", parents, "a node before it was erased")
    if any(state not in _SATISFIED_BY[on] for state, on in ends):
        return Duty("skip", parents, "upstream")
    held = holds(node) if node.get("when") else True
    if held is None:
        return Duty("unknown", parents, "its `when` asks for what no witness knows")
    return Duty("send" if held else "skip", parents, "" if held else "condition")
