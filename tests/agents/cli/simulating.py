"""Calls told as lines of an events file, the documents they meet, and what `postcall simulate` prints of them.

`call().answered().node("resolved").ended("end_node")` is a call whose events happen a second apart, from
one source with rising seqs. Every word takes `at=` (seconds after the start), `arrived=` (the same, for
`_arrived_at`) and envelope fields; what else is named goes into `data`.
"""

import io
import json
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agents.cli import simulate
from schemas.settings import Settings

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
Json = dict[str, Any]
_ENVELOPE = frozenset(
    (
        *("id", "call_id", "agent_id", "source", "seq", "workflow_id", "workflow_version", "occurred_at"),
        *("direction", "channel", "is_test", "attempt", "session_id"),
    )
)
WEBHOOKS_OF_A_VERDICT = (
    *("call.ended", "call.completed", "call.failed", "call.busy", "call.no_answer", "call.cancelled"),
    *("call.voicemail", "call.transferred", "call.premature", "call.lost", "call.outcome_upgraded"),
    "call.settled",
)


def clock(seconds: float) -> str:
    """A moment in seconds after the start, as RFC 3339."""
    return (START + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def seconds(stated: str) -> float:
    """Seconds after the start of a moment that was printed."""
    return (datetime.fromisoformat(stated) - START).total_seconds()


@dataclass(frozen=True)
class Story:
    """The lines of a call, told one after the other."""

    call_id: str = "c1"
    lines: tuple[Json, ...] = ()
    same: tuple[tuple[str, Any], ...] = (("agent_id", "bot"),)

    def says(
        self, type_: str, *, at: float | None = None, arrived: float | None = None, **fields: Any
    ) -> "Story":
        """One more event, of any type. A field that is ... is left out."""
        number = len(self.lines)
        happened = number if at is None else at
        line: Json = {"id": f"e{number}", "source": "platform", "seq": number} | dict(self.same)
        line |= {"type": type_, "call_id": self.call_id, "occurred_at": clock(happened)}
        line |= {name: value for name, value in fields.items() if name in _ENVELOPE}
        line["data"] = {k: v for k, v in fields.items() if k not in _ENVELOPE and v is not ...}
        if arrived is not None:
            line["_arrived_at"] = clock(arrived)
        kept = {name: value for name, value in line.items() if value is not ...}
        return replace(self, lines=(*self.lines, kept))

    def queued(self, **fields: Any) -> "Story":
        return self.says("call.queued", **fields)

    def ringing(self, **fields: Any) -> "Story":
        return self.says("call.ringing", **fields)

    def answered(self, **fields: Any) -> "Story":
        return self.says("call.answered", **fields)

    def node(self, node_id: str, **fields: Any) -> "Story":
        """node.entered, with the type that the standard workflow gives the node."""
        ends = node_id in ("resolved", "sorry")
        return self.says(
            "node.entered", **({"node_id": node_id, "node_type": "end_call" if ends else "default"} | fields)
        )

    def turn(self, content: str = "hello", role: str = "user", **fields: Any) -> "Story":
        return self.says("turn.completed", content=content, role=role, **fields)

    def closing(self, node_id: str = "resolved", **fields: Any) -> "Story":
        return self.says("closing.spoken", node_id=node_id, **fields)

    def ended(self, reason: str | None = None, **fields: Any) -> "Story":
        return self.says("call.ended", **(fields if reason is None else {"reason": reason} | fields))


def call(call_id: str = "c1", **same: Any) -> Story:
    """A call of which nothing was said yet."""
    return Story(call_id, (), tuple(({"agent_id": "bot"} | same).items()))


def api(node_id: str, **fields: Any) -> Json:
    """A Post Call API node."""
    return {"id": node_id, "type": "post_call_api", "url": f"https://api.example.com/{node_id}", **fields}


def workflow(*nodes: Json, edges: tuple[str, ...] = (), **fields: Any) -> Json:
    """greet, ask, and the End Call nodes resolved and sorry. An edge is `a>b` or `a>b:always`; without
    any, every node hangs on resolved."""
    linked = edges or tuple(f"resolved>{node['id']}" for node in nodes)
    drawn = ("greet>ask", "ask>resolved", "greet>sorry", *linked)
    talk = [{"id": "greet", "type": "default", "start": True}, {"id": "ask", "type": "default"}]
    ends = [{"id": "resolved", "type": "end_call"}, {"id": "sorry", "type": "end_call"}]
    every = [*talk, *ends, *nodes]
    return {
        "kind": "workflow",
        "id": "support",
        "version": 1,
        "nodes": every,
        "edges": [_edge(one) for one in drawn],
    } | fields


def _edge(drawn: str) -> Json:
    ends, _, on = drawn.partition(":")
    source, target = ends.split(">")
    return {"source": source, "target": target} | ({"on": on} if on else {})


def agent(*types: str, **fields: Any) -> Json:
    """The voice agent `bot` with a webhook for each of these types."""
    webhooks = {one: {"url": f"https://hooks.example.com/{one}"} for one in types}
    return {"kind": "agent", "id": "bot", "workflow": "support", "webhooks": webhooks} | fields


CRM = api("crm", body={"call": "{{ call.id }}"})
STANDARD = (workflow(CRM), agent(*WEBHOOKS_OF_A_VERDICT))


@dataclass(frozen=True)
class Run:
    """How the command ended and what it printed."""

    code: int
    out: bytes
    err: str


def run(documents: tuple[Json, ...], events: bytes, responses: Json | None = None, **settings: Any) -> Run:
    """`postcall simulate --json` in this process."""
    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(out), redirect_stderr(err):
        place = Path(folder)
        (place / "documents.yaml").write_text("\n---\n".join(json.dumps(one) for one in documents))
        (place / "events.jsonl").write_bytes(events)
        answers = None if responses is None else place / "responses.json"
        if answers is not None:
            answers.write_text(json.dumps(responses))
        code = simulate.run(
            [place / "documents.yaml"], place / "events.jsonl", answers, True, Settings(**settings)
        )
    return Run(code, out.buffer.getvalue(), err.getvalue())  # type: ignore[attr-defined]


def written(*lines: Mapping[str, Any]) -> bytes:
    """Lines as an events file."""
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def simulated(
    *stories: Story, documents: tuple[Json, ...] = STANDARD, responses: Json | None = None, **settings: Any
) -> list[Json]:
    """The calls that `simulate` prints for stories, one after the other in the file."""
    done = run(
        documents, written(*(line for story in stories for line in story.lines)), responses, **settings
    )
    assert (done.code, done.err) == (0, "")
    calls: list[Json] = json.loads(done.out)["calls"]
    return calls


def judged(
    story: Story, *nodes: Json, responses: Json | None = None, settings: Json | None = None, **knobs: Any
) -> Json:
    """What became of one call under the standard documents, with these nodes and knobs of the workflow."""
    documents = (workflow(*(nodes or (CRM,)), **knobs), STANDARD[1])
    return simulated(story, documents=documents, responses=responses, **(settings or {}))[0]


def delivery(shown: Json, id_: str) -> Json:
    """The one delivery of a node or webhook type."""
    (found,) = (one for one in shown["deliveries"] if one["id"] == id_)
    return dict(found)


def webhooks(shown: Json) -> list[str]:
    """The types of the webhooks that fired, sorted."""
    return sorted(one["id"] for one in shown["deliveries"] if one["kind"] == "webhook")


def nodes(shown: Json) -> dict[str, str]:
    """Of every node its result, or why it was skipped or is dead."""
    listed = [one for one in shown["deliveries"] if one["kind"] == "node"]
    return {one["id"]: one["why"] or one["result"] for one in listed}


ANSWERED = call().answered()
GREETED = ANSWERED.node("greet")
RESOLVED = GREETED.node("resolved")
"""Where most stories begin."""
