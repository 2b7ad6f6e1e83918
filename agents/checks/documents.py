"""The documents in force: each can be read, agents have their workflows, secrets have their values."""

from collections.abc import Iterator
from typing import Any

from agents.checks.finding import Finding, fail, ok, warn
from agents.http.errors import Unsendable
from agents.http.secrets import ENVIRONMENT, Secrets
from schemas.workflow import Sending, Workflow
from streams.definitions import Refused, Snapshot
from streams.templates import written


def look_at_documents(snapshot: Snapshot, refused: list[Refused], secrets: Secrets) -> Iterator[Finding]:
    """Look at the documents of the workflows topic."""
    for each in refused:
        asked = "a document; workers keep the last good one in force"
        yield fail("documents", each.key, each.why, asked, "postcall apply FILE")
    yield from _agents(snapshot)
    yield from _marks(snapshot)
    yield from _secrets(snapshot, secrets)
    if not refused:
        count = f"{len(snapshot.agents)} voice agents, {len(snapshot.workflows)} workflows"
        yield ok("documents", "in force", count)


def sendings(snapshot: Snapshot) -> Iterator[tuple[str, Sending, tuple[str, ...]]]:
    """All that is sent somewhere: its name, how, and what its voice agent's `egress` narrows it to."""
    for agent in snapshot.agents.values():
        for name, sending in agent.webhooks.items():
            yield f"{agent.id}/{name}", sending, agent.egress
    for workflow in _current(snapshot):
        narrowed = {agent.egress for agent in snapshot.agents.values() if agent.workflow == workflow.id}
        for node in workflow.nodes:
            if node.sending is not None:
                for only in sorted(narrowed) or [()]:
                    yield f"{workflow.id}@{workflow.version}/{node.id}", node.sending, only


def _current(snapshot: Snapshot) -> Iterator[Workflow]:
    for workflow_id in snapshot.workflows:
        version = snapshot.in_force(workflow_id)
        workflow = None if version is None else snapshot.workflow(workflow_id, version)
        if workflow is not None:
            yield workflow


def _agents(snapshot: Snapshot) -> Iterator[Finding]:
    for agent in snapshot.agents.values():
        if agent.workflow is not None and snapshot.in_force(agent.workflow) is None:
            found = f"it follows the workflow {agent.workflow!r}, which nobody has applied"
            asked = "one that is in force: its calls run no nodes (R19)"
            yield fail("documents", f"agent/{agent.id}", found, asked, "postcall apply FILE")
        elif agent.workflow is None and not agent.webhooks:
            yield warn("documents", f"agent/{agent.id}", "neither workflow nor webhooks", "one of them")


def _marks(snapshot: Snapshot) -> Iterator[Finding]:
    for endpoint, mark in sorted(snapshot.marks.items()):
        if mark.disabled:
            found = f"disabled ({mark.why or 'nobody says why'}): its deliveries are dead letters at once"
            yield warn("endpoints", endpoint, found, "an endpoint in use", f"postcall resume {endpoint}")
        elif mark.failing_since is not None:
            found = f"it has failed since {mark.failing_since:%Y-%m-%dT%H:%M:%SZ}"
            yield warn("endpoints", endpoint, found, "one that answers, before it is disabled after 120 h")


def _secrets(snapshot: Snapshot, secrets: Secrets) -> Iterator[Finding]:
    users: dict[str, list[str]] = {}
    for name, sending, _ in sendings(snapshot):
        for secret in sorted(secrets_of(sending)):
            users.setdefault(secret, []).append(name)
    missing = False
    for secret, used_by in sorted(users.items()):
        try:
            secrets.value(secret)
        except Unsendable as fault:
            missing = True
            asked = f"a value where workers run, for {', '.join(dict.fromkeys(used_by))}"
            yield fail(
                "secrets", secret, str(fault).partition(";")[0], asked, f"export {ENVIRONMENT}{secret}=…"
            )
    if users and not missing:
        yield ok("secrets", "values", f"all {len(users)} that documents name are set here")


def secrets_of(sending: Sending) -> frozenset[str]:
    """The secrets that a request needs."""
    found: frozenset[str] = frozenset()
    for text in _texts(sending):
        try:
            found |= written.names(written.pieces(text, False)).secrets
        except written.TemplateFault:
            continue  # it was applied by a release that read it; rendering it says what is wrong
    return found


def _texts(sending: Sending) -> Iterator[str]:
    fields: dict[str, Any] = {name: getattr(sending.auth, name) for name in sending.auth.__struct_fields__}
    yield from (sending.url, *sending.headers.values(), *sending.secrets)
    yield from (value for value in fields.values() if isinstance(value, str))
    if sending.tls.ca is not None:
        yield sending.tls.ca
