"""Calls of which somebody will ask why: one for each rule that gives a verdict, one for each reason to skip."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from tests.system.kafka_topics import produce
from tests.system.workers import Setting

ONCE = {"schedule": ["50ms"]}
LATER = {"schedule": ["1h"]}

RULES: dict[str, tuple[str, ...]] = {
    "R1": ("call.answered", "node.entered hi", "node.entered end", "call.ended agent_hangup"),
    "R2": ("call.answered", "call.ended agent_hangup@end"),
    "R3": ("call.answered", "node.entered hi", "node.entered end", "call.ended caller_hangup"),
    "R4": ("call.answered", "node.entered hi", "call.ended caller_hangup"),
    "R5": ("node.entered hi", "node.entered end", "node.entered hi", "call.ended agent_hangup"),
    "R6": ("node.entered hi", "transfer.bridged", "call.ended transferred"),
    "R7": ("voicemail.detected", "node.entered end", "call.ended agent_hangup"),
    "R8": ("call.answered", "node.entered hi", "call.ended inactivity"),
    "R9": ("node.entered hi", "node.entered end", "call.ended max_duration"),
    "R10": ("call.ringing", "call.ended busy"),
    "R12": ("call.ringing",),
}
"""What is told of the call that is named like the rule."""


def nodes(url: str) -> list[dict[str, Any]]:
    """A Post Call API node for each way to end, or not to run; all but `elsewhere` hang on `end`."""
    api = {"type": "post_call_api", "retry": ONCE}
    vip = {"all": [{"path": "variables.vip", "op": "eq", "value": "yes"}]}
    return [
        {"id": "crm", "url": f"{url}/crm", **api},
        {"id": "instead", "url": f"{url}/instead", **api},
        {"id": "refused", "url": f"{url}/refused", **api},
        {"id": "after_refused", "url": f"{url}/x", **api},
        {"id": "after_skipped", "url": f"{url}/x", **api},
        {"id": "vip", "url": f"{url}/vip", "when": vip, **api},
        {"id": "report", "url": f"{url}/report", "body": {"text": "{{ analytics.summary }}"}, **api},
        {"id": "elsewhere", "url": f"{url}/x", **api},
    ]


EDGES = (
    "hi>end end>crm end>refused end>vip end>report crm>instead:failure refused>after_refused "
    "after_refused>after_skipped hi>other other>elsewhere"
)

SKIPPED = {
    "instead": "not_needed",
    "after_refused": "upstream_failed",
    "after_skipped": "upstream_skipped",
    "vip": "condition",
}
"""Why these nodes of a proper end at `end` are skipped."""


def documents(url: str) -> list[dict[str, Any]]:
    """The workflow `talk` of `bot`; the workflow `strict` of `strict-bot`, which skips test calls; `slow`, whose
    endpoint is overloaded and whose report waits an hour."""
    talk = [{"id": "hi", "type": "default", "start": True}, *_ends("end", "other")]
    strict = {"proper_end": "spoken", "test_calls": "skip"}
    slow = [{"id": "busy", "url": f"{url}/busy", "type": "post_call_api", "retry": LATER}]
    slow += [
        {"id": "report", "url": f"{url}/x", "type": "post_call_api", "body": {"x": "{{ recording.url }}"}},
        {"id": "last", "url": f"{url}/x", "type": "post_call_api"},
    ]
    hook = {"call.ended": {"url": f"{url}/hook", "retry": ONCE}}
    return [
        _workflow("talk", [*talk, *nodes(url)], EDGES),
        _workflow("strict", [*talk, nodes(url)[0]], "hi>end hi>other end>crm", **strict),
        _workflow(
            "slow", [*talk, *slow], "hi>end hi>other end>busy end>report report>last", ready_deadline="1h"
        ),
        {"kind": "agent", "id": "bot", "workflow": "talk", "webhooks": hook},
        {"kind": "agent", "id": "strict-bot", "workflow": "strict"},
        {"kind": "agent", "id": "slow-bot", "workflow": "slow"},
    ]


def _ends(*ids: str) -> list[dict[str, Any]]:
    return [{"id": one, "type": "end_call"} for one in ids]


def _workflow(name: str, boxes: list[dict[str, Any]], arrows: str, **knobs: Any) -> dict[str, Any]:
    edges = [_edge(arrow) for arrow in arrows.split()]
    return {"kind": "workflow", "id": name, "version": 1, "nodes": boxes, "edges": edges, **knobs}


def _edge(arrow: str) -> dict[str, str]:
    source, _, target = arrow.partition(">")
    target, _, on = target.partition(":")
    return {"source": source, "target": target} | ({"on": on} if on else {})


@dataclass(frozen=True)
class Teller:
    """Produces events of calls, an id each."""

    setting: Setting

    def tell(
        self,
        call_id: str,
        *events: str,
        agent: str = "bot",
        first: int = 0,
        key: str | None = None,
        **more: Any,
    ) -> None:
        """Events such as `node.entered hi` and `call.ended REASON@NODE`, a millisecond apart, numbered from
        `first` on."""
        begin = datetime.now(UTC)
        records = []
        for number, said in enumerate(events, first):
            event = _event(call_id, said, agent)
            at = (begin + timedelta(milliseconds=number)).isoformat()
            told = {"id": f"e{number}", "seq": number, "occurred_at": at, **event, **more}
            records.append(((key or call_id).encode(), orjson.dumps(told), []))
        produce(self.setting.bootstrap, f"{self.setting.prefix}call-events", records)

    def raw(self, key: str, value: bytes) -> None:
        """Any bytes under a key."""
        produce(self.setting.bootstrap, f"{self.setting.prefix}call-events", [(key.encode(), value, [])])


def _event(call_id: str, said: str, agent: str) -> dict[str, Any]:
    kind, _, detail = said.partition(" ")
    event = {"type": kind, "call_id": call_id, "agent_id": agent, "source": "platform"}
    if kind == "call.ended":
        reason, _, node = detail.partition("@")
        return {**event, "data": {"reason": reason} | ({"end_node_id": node} if node else {})}
    if kind == "analytics.completed":
        return {**event, "data": {"summary": detail}}
    return {**event, "data": {"node_id": detail} if detail else {}}
