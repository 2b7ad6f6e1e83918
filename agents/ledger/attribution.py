"""Which delivery a request was for: a webhook says so itself, a node's is told by where it went.

Only where several nodes go to one place does the delivery log have to say which of them it was.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from agents.ledger.documents import Document
from agents.ledger.witnesses import NODE_EVENT, Seen

Delivery = tuple[str, str]
"""`("node", id)` or `("webhook", type)`."""

NOWHERE: Final = "?"
"""Stands for the node of a request that went where no document sends."""
SEVERAL: Final = "??"
"""Stands for the node of a request that went where several send, and nothing says which it was."""

_SLOT: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """Where a node's requests go."""

    node: str
    method: str
    host: str | None
    """None where a template names it."""
    path: re.Pattern[str]

    def fits(self, seen: Seen) -> bool:
        """Whether a request went there."""
        host = seen.headers.get("host")
        same = self.host is None or host is None or _bare(host) == self.host
        return same and seen.method == self.method and self.path.fullmatch(seen.path) is not None


def places(workflow: Document) -> list[Place]:
    """Where the nodes of a workflow send to."""
    return [
        _place(node["id"], node.get("method") or "POST", node["url"])
        for node in workflow.get("nodes", ())
        if node.get("type") == "post_call_api" and isinstance(node.get("url"), str)
    ]


@lru_cache(maxsize=4096)
def _place(node: str, method: str, url: str) -> Place:
    slots = _SLOT.split(url)
    scheme, found, rest = slots[0].partition("://")
    host, slash, _ = rest.partition("/")
    known = bool(found) and (bool(slash) or len(slots) == 1)
    whole = f"{scheme}://{rest}" if found else slots[0]
    first = urlsplit(whole)
    head = (first.path or "/") + (f"?{first.query}" if first.query else "")
    pattern = ".*".join(map(re.escape, [head, *slots[1:]])) if known else ".*"
    # What an `api_key` in the query adds.
    return Place(node, method, _bare(host) if known else None, re.compile(rf"{pattern}([?&].*)?", re.DOTALL))


def _bare(host: str) -> str:
    return host.lower().rpartition("@")[2].removesuffix(":80").removesuffix(":443")


def deliveries(
    requests: Sequence[Seen], at: Sequence[Place], logged: Mapping[str, Delivery]
) -> list[Delivery]:
    """What each of a call's requests was for; `logged` is what the delivery log says of its key."""
    return [_delivery(seen, at, logged) for seen in requests]


def _delivery(seen: Seen, at: Sequence[Place], logged: Mapping[str, Delivery]) -> Delivery:
    if seen.event != NODE_EVENT:
        return "webhook", seen.event
    says = logged.get(seen.key)
    if not seen.path:
        # The log itself is the witness.
        return says or ("node", NOWHERE)
    fitting = {place.node for place in at if place.fits(seen)}
    if len(fitting) == 1:
        return "node", fitting.pop()
    if says and (says[1] in fitting or not fitting):
        # It went elsewhere: a redirect, or a document that nobody has any more.
        return says
    return "node", SEVERAL if fitting else NOWHERE
