"""What a call owes: which nodes must send, which must not, in which order, and which webhooks.

Read from the documents as they were applied, for the verdicts as they came.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agents.ledger.documents import Document, Documents, webhooks
from agents.ledger.reading import Reading, distinct
from agents.ledger.told import Told

_ON_VERDICT: Final = {
    "PROPER": "call.completed",
    "PREMATURE": "call.premature",
    "TRANSFERRED": "call.transferred",
}
_ON_REASON: Final = {"busy": "call.busy", "no_answer": "call.no_answer", "cancelled": "call.cancelled"}
_FAILURES: Final = {"agent_error", "platform_error", "no_audio", "transfer_failed"}
_BY_VERDICT: Final = frozenset(
    f"call.{each}"
    for each in (
        *("ended", "completed", "failed", "busy", "no_answer", "cancelled", "voicemail", "transferred"),
        *("premature", "lost", "outcome_upgraded", "settled"),
    )
)
"""Types that fire with a verdict, never with an event of that name."""


class Undecided(Exception):
    """What was in force for a call cannot be told from outside; the message says why."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Whose call it is, as the events say it (the first in the order of R14 that does)."""

    agent_id: str | None
    workflow_id: str | None
    version: int | None


def pin_of(told: Sequence[Told]) -> Pin:
    """Whose call these events are about. Raises Undecided where they name several."""
    ordered = sorted(told, key=lambda each: each.order)
    if len({each.agent_id for each in told if each.agent_id}) > 1:
        raise Undecided("its events name several voice agents")
    if len({each.workflow_id for each in told if each.workflow_id}) > 1:
        raise Undecided("its events name several workflows")
    agent = next((each.agent_id for each in ordered if each.agent_id), None)
    workflow = next((each.workflow_id for each in ordered if each.workflow_id), None)
    version = next((each.workflow_version for each in ordered if each.workflow_version is not None), None)
    return Pin(agent, workflow, version)


def agent_of(pin: Pin, documents: Documents, since: float, until: float) -> Document | None:
    """The document of a call's voice agent. Raises Undecided where it changed meanwhile."""
    if pin.agent_id is None:
        return None
    found = documents.agents(pin.agent_id, since, until)
    if len(found) > 1:
        raise Undecided("the voice agent's document was applied while the call went on")
    return found[0]


def workflow_of(
    pin: Pin,
    agent: Document | None,
    stated: int | None,
    documents: Documents,
    since: float,
    until: float,
) -> Document | None:
    """The workflow of a call; `stated` is the version that its outcome names, one of those that were in force.

    Raises Undecided where several were, and nothing says which.
    """
    name = pin.workflow_id or (agent or {}).get("workflow")
    if name is None:
        return None
    found = documents.workflows(str(name), pin.version, since, until)
    named = [each for each in found if each is not None and (each.get("version") or 1) == stated]
    if len(found) > 1 and not named:
        raise Undecided("the workflow was applied while the call went on")
    return named[0] if named else found[0]


def hooks_of(told: Sequence[Told], verdicts: Sequence[Reading], agent: Document | None) -> Counter[str]:
    """The webhooks of a call whose verdicts these were, in their order."""
    subscribed = webhooks(agent or {})
    fired = Counter(each.type for each in distinct(told) if each.type not in _BY_VERDICT)
    for number, verdict in enumerate(verdicts):
        fired += _upgrade() if number else _first(verdict)
    return Counter({name: count for name, count in fired.items() if name in subscribed})


def _upgrade() -> Counter[str]:
    return Counter({"call.outcome_upgraded": 1, "call.settled": 1})


def _first(verdict: Reading) -> Counter[str]:
    fired = ["call.ended", "call.settled", *(["call.lost"] if verdict.synthetic else [])]
    if verdict.verdict == "NOT_CONNECTED":
        fired.append(_ON_REASON.get(verdict.reason, "call.failed"))
    else:
        fired.append(_ON_VERDICT[verdict.verdict])
    if verdict.verdict == "PREMATURE" and verdict.reason == "voicemail":
        fired.append("call.voicemail")
    if verdict.verdict == "PREMATURE" and verdict.reason in _FAILURES:
        fired.append("call.failed")
    return Counter(fired)
