"""`postcall get`: what is in force, read from the workflows topic; no worker is needed."""

from collections.abc import Mapping
from typing import Any, Final

from agents.cli.broker import ask
from agents.cli.exits import DONE, CommandRefused, UsageRefused
from agents.cli.output import complain, print_document, print_json, print_table
from agents.connection import client_options, kafka_config
from agents.workflows_topic import in_force, read_topic, read_whole
from schemas.settings import Settings
from schemas.wire import json_value, moment
from streams.definitions import AGENT, WORKFLOW, Snapshot
from streams.publishing import versions_of

KINDS: Final = {"agents": "agents", "workflows": "workflows", "agent": "agents", "workflow": "workflows"}
"""How a kind may be written before an id: as a list's name, or as keys have it."""


def run(wanted: str, as_json: bool, settings: Settings) -> int:
    """Print all agents, workflows or endpoints with a mark, or one document as it was applied."""
    options = client_options(kafka_config(settings))
    written = ask(settings, read_whole(options, settings.topic("workflows")))
    snapshot, refused = read_topic(written)
    complain(*(f"{each.key} is not in force: {each.why}" for each in refused))
    if wanted in _LISTS:
        print_rows(*_LISTS[wanted](snapshot), as_json)
        return DONE
    source = _source(key_of_one(wanted, written), written)
    if as_json:
        print_json(source)
    else:
        print_document(source)
    return DONE


def key_of_one(wanted: str, written: Mapping[str, bytes]) -> str:
    """The key of the document that `ID`, `ID@V`, `agents/ID`, `workflows/ID` or `workflows/ID@V` names.

    A kind may also be written as in the key itself, `agent/ID`. Without a version it is the one in force.
    Raises CommandRefused where there is none, UsageRefused where there are two.
    """
    written_kind, slash, name = wanted.rpartition("/")
    kind = KINDS.get(written_kind, "")
    if slash and not kind:
        raise UsageRefused(
            f"found {wanted!r}; expected agents, workflows, endpoints, agents/ID, workflows/ID[@V] or ID"
        )
    snapshot = in_force(written)
    current = snapshot.in_force(name)
    version = "" if current is None else f"@{current}"
    keys = {"agents": f"{AGENT}{name}", "workflows": f"{WORKFLOW}{name}{version}"}
    found = [key for each, key in keys.items() if kind in ("", each) and key in written]
    if len(found) > 1:
        raise UsageRefused(
            f"found an agent and a workflow {name!r}; expected agents/{name} or workflows/{name}"
        )
    if not found:
        raise CommandRefused(f"found nothing in force under {wanted!r}{_instead(name, written)}")
    return found[0]


def _source(key: str, written: Mapping[str, bytes]) -> Any:
    try:
        return json_value(written[key])
    except ValueError as fault:
        raise CommandRefused(f"found a record {key!r} that is no JSON; expected a document") from fault


def _agents(snapshot: Snapshot) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    agents = sorted(snapshot.agents.values(), key=lambda agent: agent.id)
    rows = [(each.id, each.name, each.workflow, sorted(each.webhooks)) for each in agents]
    return ("id", "name", "workflow", "webhooks"), list(rows)


def _workflows(snapshot: Snapshot) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    rows: list[tuple[Any, ...]] = []
    for workflow_id, versions in sorted(snapshot.workflows.items()):
        current = snapshot.in_force(workflow_id)
        named = versions[current].name if current is not None else ""
        rows.append((workflow_id, named, current, sorted(versions)))
    return ("id", "name", "in_force", "versions"), rows


def endpoints(snapshot: Snapshot) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """The endpoints of which all workers know something, as columns and rows."""
    rows = [
        (name, mark.disabled, None if mark.failing_since is None else moment(mark.failing_since), mark.why)
        for name, mark in sorted(snapshot.marks.items())
    ]
    return ("endpoint", "disabled", "failing_since", "why"), list(rows)


_LISTS: Final = {"agents": _agents, "workflows": _workflows, "endpoints": endpoints}


def print_rows(columns: tuple[str, ...], rows: list[tuple[Any, ...]], as_json: bool) -> None:
    """Print rows: a table for people, with `as_json` objects."""
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table(*columns, rows=[tuple(_cell(value) for value in row) for row in rows])


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(str(each) for each in value)
    return "-" if value is None else str(value)


def _instead(name: str, written: Mapping[str, bytes]) -> str:
    workflow_id = name.partition("@")[0]
    versions = sorted(versions_of(workflow_id, written))
    return f"; of {workflow_id!r} there are the versions {', '.join(map(str, versions))}" if versions else ""
