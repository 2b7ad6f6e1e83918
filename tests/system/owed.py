"""What a call owes: which nodes must send, which must not, in which order, and which webhooks.

Read from the documents as they were applied (plain JSON), for the generated situations alone.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.system.reading import Reading

_ON_VERDICT = {"PROPER": "call.completed", "PREMATURE": "call.premature", "TRANSFERRED": "call.transferred"}
_ON_REASON = {"busy": "call.busy", "no_answer": "call.no_answer", "cancelled": "call.cancelled"}
_FAILURES = {"agent_error", "platform_error", "no_audio", "transfer_failed"}
_OF_THE_ENGINE = ("call.", "node.", "turn.")


@dataclass(frozen=True, slots=True)
class Documents:
    """The applied documents: workflows by id, agents by id."""

    workflows: dict[str, dict[str, Any]]
    agents: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, documents: Iterable[dict[str, Any]]) -> "Documents":
        """Sort documents by their kind."""
        kept = list(documents)
        workflows = {each["id"]: each for each in kept if each["kind"] == "workflow"}
        return cls(workflows, {each["id"]: each for each in kept if each["kind"] == "agent"})


@dataclass(frozen=True, slots=True)
class Owed:
    """`nodes` maps each node that must send to the parents it waits for; `hooks` may be one of several."""

    nodes: dict[str, tuple[str, ...]]
    hooks: tuple[Counter[str], ...]


def owed_by(
    documents: Documents,
    events: list[dict[str, Any]],
    final: Reading,
    first: Reading | None,
    succeeded: Callable[[str], bool],
) -> Owed:
    """Return what a call owes that ended so; `succeeded` says whether a node's request was answered well.

    When a lower verdict may have come first, the webhooks are those of both and of the upgrade, or, if the
    engine learnt of it all at once, those of the last one alone.
    """
    agent = documents.agents.get(events[0]["agent_id"], {})
    named = next(
        (event["workflow_id"] for event in events if event.get("workflow_id")), agent.get("workflow")
    )
    workflow = documents.workflows.get(str(named))
    nodes = {}
    if final.verdict == "PROPER" and workflow is not None:
        nodes = _nodes_after(workflow, str(final.end_node_id), succeeded)
    told = Counter(
        event["type"]
        for event in {(event["source"], event["id"]): event for event in events}.values()
        if not event["type"].startswith(_OF_THE_ENGINE)
    )
    ways = [_hooks_of(final)]
    if first is not None:
        ways.append(_hooks_of(first) + Counter({"call.outcome_upgraded": 1, "call.settled": 1}))
    subscribed = agent.get("webhooks", {})
    return Owed(nodes, tuple(_only(way + told, subscribed) for way in ways))


def _nodes_after(
    workflow: dict[str, Any], end_node: str, succeeded: Callable[[str], bool]
) -> dict[str, tuple[str, ...]]:
    sending: dict[str, tuple[str, ...]] = {}
    ahead = [edge["target"] for edge in workflow["edges"] if edge["source"] == end_node]
    sending.update(dict.fromkeys(ahead, ()))
    while ahead:
        parent = ahead.pop()
        for edge in workflow["edges"]:
            wanted = edge.get("on", "success")
            if edge["source"] == parent and wanted == ("success" if succeeded(parent) else "failure"):
                sending[edge["target"]] = (*sending.get(edge["target"], ()), parent)
                ahead.append(edge["target"])
    return sending


def _hooks_of(reading: Reading) -> Counter[str]:
    hooks = ["call.ended", "call.settled"]
    if reading.reason == "lost":
        hooks.append("call.lost")
    if reading.verdict == "NOT_CONNECTED":
        hooks.append(_ON_REASON.get(reading.reason, "call.failed"))
    else:
        hooks.append(_ON_VERDICT[reading.verdict])
    if reading.verdict == "PREMATURE" and reading.reason == "voicemail":
        hooks.append("call.voicemail")
    if reading.verdict == "PREMATURE" and reading.reason in _FAILURES:
        hooks.append("call.failed")
    return Counter(hooks)


def _only(hooks: Counter[str], subscribed: dict[str, Any]) -> Counter[str]:
    return Counter({hook: count for hook, count in hooks.items() if hook in subscribed})
