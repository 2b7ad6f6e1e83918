"""Which nodes the caller went through, in which order, and which of them are End Call nodes.

R14: producers' clocks jump and their events overtake each other. Within one source `seq` is right, so
the effective time of a node event is the greatest `occurred_at` among the node events of its source
whose `seq` is not above its own (without a `seq`: its own). Nodes are sorted by it, then by source,
seq and id. What is later than the end of the call by more than the clock tolerance does not count.

Which nodes are End Call nodes, the workflow says; of a node that it does not know, the event's
`node_type` is believed.
"""

from bisect import bisect_right
from datetime import datetime
from itertools import accumulate, pairwise
from typing import Final, NamedTuple, TypeAlias

from schemas.evidence import NO_SEQ, Entered, Order
from schemas.workflow import END_CALL, Workflow

_END_TYPES: Final = frozenset({"endcall", "endcallnode", "end", "endnode"})
"""How the field spells `end_call`, without case and separators."""

Clocks: TypeAlias = tuple[list[int], list[datetime]]
_NO_CLOCKS: Final[Clocks] = ([], [])


class Step(NamedTuple):
    """One entered node at its place in the conversation."""

    order: Order
    """With the effective time for `at`."""
    occurred_at: datetime
    node_id: str
    node_type: str | None


class Path:
    """The nodes in the order of R14. `limit` is the latest moment that counts, None: all do."""

    __slots__ = ("_clocks", "steps")

    def __init__(self, entered: tuple[Entered, ...], limit: datetime | None) -> None:
        self._clocks = _clocks(entered)
        counted = (node for node in entered if limit is None or node.order.at <= limit)
        self.steps = sorted(
            Step(self.effective(node.order), node.order.at, node.node_id, node.node_type) for node in counted
        )

    @property
    def last(self) -> Step | None:
        """The last node entered."""
        return self.steps[-1] if self.steps else None

    def last_before(self, order: Order) -> Step | None:
        """The last node entered before another event of the call."""
        at = self.effective(order)
        return next((step for step in reversed(self.steps) if step.order < at), None)

    def effective(self, order: Order) -> Order:
        """The order of an event with its effective time."""
        seqs, highest = self._clocks.get(order.source, _NO_CLOCKS)
        place = bisect_right(seqs, order.seq) if order.seq != NO_SEQ else 0
        if place == 0 or highest[place - 1] <= order.at:
            return order
        return order._replace(at=highest[place - 1])


def is_known(node_id: str, workflow: Workflow | None) -> bool:
    """The workflow has that node."""
    return workflow is not None and workflow.node(node_id) is not None


def is_end_call(step: Step | Entered, workflow: Workflow | None) -> bool:
    """The step is an End Call node, by the workflow if it knows the node, else by `node_type`."""
    node = workflow.node(step.node_id) if workflow is not None else None
    if node is not None:
        return node.type == END_CALL
    return step.node_type is not None and spells_end_call(step.node_type)


def spells_end_call(node_type: str) -> bool:
    """`end_call`, `endCall`, `End Call` and the like."""
    return "".join(filter(str.isalnum, node_type)).lower() in _END_TYPES


def at_end_call(entered: tuple[Entered, ...], workflow: Workflow | None) -> bool:
    """As far as is known, the conversation is at an End Call node now."""
    last = entered[-1] if _in_step(entered) else Path(entered, None).last
    return last is not None and is_end_call(last, workflow)


def _in_step(entered: tuple[Entered, ...]) -> bool:
    """One source told of all nodes, and its seqs rise with its clock, which is the usual case: the effective
    times are those that were told."""
    return bool(entered) and all(
        NO_SEQ < one.order.seq < after.order.seq and one.order.source == after.order.source
        for one, after in pairwise(entered)
    )


def _clocks(entered: tuple[Entered, ...]) -> dict[str, Clocks]:
    """Per source, the seqs of its node events and the greatest clock up to each."""
    by_source: dict[str, list[tuple[int, datetime]]] = {}
    for node in entered:
        if node.order.seq != NO_SEQ:
            by_source.setdefault(node.order.source, []).append((node.order.seq, node.order.at))
    clocks = {}
    for source, nodes in by_source.items():
        nodes.sort()
        clocks[source] = ([seq for seq, _ in nodes], list(accumulate((at for _, at in nodes), max)))
    return clocks
