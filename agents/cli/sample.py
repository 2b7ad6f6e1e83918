"""One node or webhook of a file, rendered on sample events by the simulation, to be sent once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from agents.cli.exits import CommandRefused, UsageRefused
from agents.cli.simulate import bytes_of, definitions_in
from agents.cli.simulated_answers import Answers
from agents.cli.simulated_events import Lines
from agents.cli.simulated_report import shown
from agents.policy import policy
from schemas.delivery import Delivery, Request
from schemas.documents.subscriptions import canonical
from schemas.settings import Settings
from streams.definitions import Snapshot
from streams.simulation import Told, play


class Sample(Struct, frozen=True):
    """A request to try. `egress` is what its voice agent may reach, as the document says; empty: whatever
    the worker may. `rendered` tells it from one that the command line stated."""

    request: Request
    egress: tuple[str, ...] = ()
    rendered: bool = False


def sample(file: Path, name: str, events: Path, settings: Settings) -> Sample:
    """The request of a node, or of a webhook by its event type, in the first call of `events` that makes it.

    Whatever comes before it in its chain is taken to be answered with 200 and `{}`. Raises CommandRefused.
    """
    definitions, lines = definitions_in([file]), Lines(bytes_of(events))
    if lines.faults:
        raise CommandRefused(*(f"{events}:{number}: {why}" for number, why in lines.faults))
    whys: list[str] = []
    for told, delivery in _named(name, _played(lines, definitions, settings)):
        rendered = told.requests.get(delivery.delivery_id)
        if rendered is not None:
            agent = definitions.agent(delivery.agent_id)
            return Sample(rendered.request, () if agent is None else agent.egress, rendered=True)
        whys.append(f"call {told.call_id}: {delivery.state.value}, {delivery.fault or delivery.why}")
    if not whys and not _is_there(name, definitions):
        raise UsageRefused(f"found no node or webhook {name!r} in {file}; expected the id of one")
    raise CommandRefused(f"found no call in {events} that sends {name!r}; expected one", *whys)


def request_shown(request: Request) -> dict[str, Any]:
    """The request for people and as JSON, its secrets by their names."""
    return {"method": request.method, **shown(request)}


def _played(lines: Lines, definitions: Snapshot, settings: Settings) -> Iterator[Told]:
    for place, call_id in enumerate(lines.calls):
        yield from play(call_id, lines.arrivals(place), definitions, policy(settings), Answers({}).reply)


def _named(name: str, played: Iterator[Told]) -> Iterator[tuple[Told, Delivery]]:
    for told in played:
        for delivery in told.deliveries.values():
            if delivery.id == (name if delivery.kind == "node" else canonical(name)):
                yield told, delivery


def _is_there(name: str, definitions: Snapshot) -> bool:
    workflows = (workflow for versions in definitions.workflows.values() for workflow in versions.values())
    nodes = {node.id for workflow in workflows for node in workflow.nodes if node.sending is not None}
    webhooks = {kind for agent in definitions.agents.values() for kind in agent.webhooks}
    return name in nodes or canonical(name) in webhooks
