"""The documents of the demo: the customer-support example, with every address on this machine.

What the example leaves out and the demo shows: a task beside the CRM, a second End Call node with a node of
its own, and a webhook for each kind of end.
"""

import re
from pathlib import Path
from typing import Any, Final

from agents.cli.exits import CommandRefused
from agents.demo.calls import AGENT
from streams.validation.checking import read_all

EXAMPLE: Final = Path(__file__).parents[2] / "deploy" / "examples" / "customer-support.yaml"

HOOKS: Final = (
    *("conversation.started", "analytics.completed", "call.ended", "call.settled", "call.outcome_upgraded"),
    *("call.completed", "call.premature", "call.transferred", "call.voicemail", "call.busy"),
    *("call.no_answer", "call.cancelled", "call.failed", "call.lost"),
)

SECRETS: Final = {"CRM_TOKEN": "demo-crm", "MAIL_KEY": "demo-mail", "HOOK_KEY": "demo-hook"}
"""What the example's `{{ secrets.… }}` resolve to here."""

PATHS: Final = {
    "update_crm": "/crm/",
    "send_email": "/mail/",
    "record_metrics": "/metrics/",
    "schedule_task": "/tasks/",
    "book_callback": "/calendar/",
}
"""Where each node's requests go; webhooks go to `/hooks/<event type>`."""

_ELSEWHERE: Final = re.compile(r"https://(\w+)\.example\.com")


def documents(receiver: str) -> list[dict[str, Any]]:
    """The workflow and the voice agent, with every request going to the receiver at this address.

    Raises CommandRefused where the example is not beside the code.
    """
    if not EXAMPLE.is_file():
        raise CommandRefused(
            f"found no {EXAMPLE}; expected the demo to run from a checkout of the repository"
        )
    text = _ELSEWHERE.sub(rf"{receiver}/\1", EXAMPLE.read_text(encoding="utf-8"))
    workflow, agent = (document.source for document in read_all([(EXAMPLE.name, text.encode())]).documents)
    return [_with_more_nodes(workflow, receiver), _with_hooks(agent, receiver)]


def _with_more_nodes(workflow: dict[str, Any], receiver: str) -> dict[str, Any]:
    nodes = [
        {"id": "callback", "type": "end_call"},
        _node("schedule_task", f"{receiver}/tasks/follow-up"),
        _node("book_callback", f"{receiver}/calendar/callbacks"),
    ]
    edges = [
        {"source": "answer", "target": "callback"},
        {"source": "resolved", "target": "schedule_task"},
        {"source": "callback", "target": "book_callback"},
    ]
    return {**workflow, "nodes": [*workflow["nodes"], *nodes], "edges": [*workflow["edges"], *edges]}


def _node(name: str, url: str) -> dict[str, Any]:
    body = {"call": "{{ call.id }}", "ended_at": "{{ call.ended_at }}"}
    return {"id": name, "type": "post_call_api", "url": url, "body": body}


def _with_hooks(agent: dict[str, Any], receiver: str) -> dict[str, Any]:
    assert agent["id"] == AGENT
    hooks = {hook: {"url": f"{receiver}/hooks/{hook}", "secret": "{{ secrets.HOOK_KEY }}"} for hook in HOOKS}
    return {**agent, "webhooks": hooks}
