"""The accounts of a small run: what was asked for, against what the receiver and the topics have."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from agents.demo.receiver import Request
from agents.ledger.witnesses import Record
from schemas import keys, wire
from schemas.delivery import Answered
from schemas.messages import Replied
from tests.agents.failpoints.told import EXPECTED, GIVEN_UP

OUTCOMES, LOG, LETTERS, ROWS = ".call-outcomes", ".delivery-log", ".dead-letters", "-calls-changelog"
INTERNAL = "-internal"
WRITTEN = (OUTCOMES, LOG, LETTERS, ROWS, INTERNAL)
"""What stands behind a run's name in the names of its topics."""

ARRIVING = 0.5
"""Seconds: what a worker had handed to the kernel still arrives after its death."""


@dataclass(frozen=True)
class Accounts:
    """What was asked for, what came, and what is still in the rows."""

    calls: dict[str, str]
    requests: list[Request]
    topics: dict[str, list[Record]]
    deaths: list[float]

    @property
    def owed(self) -> list[str]:
        """What has still to come; empty when all of it did."""
        settled = {each["call_id"] for each in self._said(OUTCOMES) if each["type"] == "call.settled"}
        missing = [f"{call_id} is not settled" for call_id in self.calls if call_id not in settled]
        missing += [f"row {key!r} is left" for key in self.rows if key.startswith(keys.LIVE)]
        unreadable = [each for each in self._said(LETTERS) if each["reason"] == "unreadable"]
        return missing + ([] if unreadable else ["no dead letter of what nobody can read"])

    @property
    def rows(self) -> dict[bytes, bytes]:
        """The last value of each row's key."""
        last = {record.key: record.value for record in self.topics[ROWS]}
        return {key: value for key, value in last.items() if key is not None and value is not None}

    @property
    def faults(self) -> list[str]:
        """All that must not be."""
        return [*self.owed, *self._requests_amiss(), *self._repeated(), *self._records_amiss()]

    def _requests_amiss(self) -> list[str]:
        made = {(_call(each), each.path) for each in self.requests}
        expected = {(call_id, path) for call_id, kind in self.calls.items() for path in EXPECTED[kind]}
        keys_of: dict[tuple[str, str], set[str]] = {}
        for each in self.requests:
            keys_of.setdefault((_call(each), each.path), set()).add(each.headers["webhook-id"])
        taken = {(_call(each), each.path) for each in self.requests if each.answer == 200}
        refused = {("node", "refused"), ("node", "down")}
        failed = {each for each in expected - taken if tuple(each[1].strip("/").split("/")) not in refused}
        early = [call for call in self.calls if self._first_at(call, "second") < self._done_at(call, "first")]
        return [
            *(f"lost: {each}" for each in sorted(expected - made)),
            *(f"phantom: {each}" for each in sorted(made - expected)),
            *(f"never taken: {each}" for each in sorted(failed)),
            *(f"several keys: {each}" for each, found in keys_of.items() if len(found) > 1),
            *(f"second before first: {call}" for call in early),
        ]

    def _first_at(self, call_id: str, node: str) -> float:
        times = [e.at for e in self.requests if _call(e) == call_id and e.path == f"/node/{node}"]
        return min(times, default=float("inf"))

    def _done_at(self, call_id: str, node: str) -> float:
        path = f"/node/{node}"
        times = [
            e.answer_at or 0 for e in self.requests if (_call(e), e.path, e.answer) == (call_id, path, 200)
        ]
        return min(times, default=0.0)

    def _repeated(self) -> list[str]:
        """Requests made again after their 2xx, but those whose reply a death kept from being posted."""
        posted, amiss, first = self._posted(), [], dict[str, Request]()
        for each in self.requests:
            key = each.headers["webhook-id"]
            if key in first:
                cut_short = [
                    at
                    for at in self.deaths
                    if first[key].at <= at + ARRIVING and at < min(each.at, posted.get(key, float("inf")))
                ]
                if not cut_short:
                    amiss.append(f"repeated: {each.path} of {_call(each)}")
            elif each.answer == 200:
                first[key] = each
        return amiss

    def _posted(self) -> dict[str, float]:
        """When the reply with a 2xx to each delivery was posted first."""
        found: dict[str, float] = {}
        for record in self.topics[INTERNAL]:
            message = wire.read_message(record.value or b"")
            if (
                isinstance(message, Replied)
                and isinstance(message.reply, Answered)
                and message.reply.status == 200
            ):
                found.setdefault(message.delivery_id, record.at)
        return found

    def _records_amiss(self) -> list[str]:
        outcomes = Counter((each["call_id"], each["type"]) for each in self._said(OUTCOMES))
        finals = Counter((each["call_id"], each["id"]) for each in self._said(LOG) if each["next_at"] is None)
        letters = Counter(
            (each["call_id"], each["reason"], each["id"])
            for each in self._said(LETTERS)
            if each["reason"] != "unreadable"
        )
        wanted_outcomes = Counter(
            (call, each) for call in self.calls for each in ("call.outcome", "call.settled")
        )
        wanted_finals = Counter(
            (call, path.rpartition("/")[2]) for call, kind in self.calls.items() for path in EXPECTED[kind]
        )
        wanted_letters = Counter(
            (call, *each) for call, kind in self.calls.items() for each in GIVEN_UP[kind]
        )
        return [
            *_differing("outcomes", wanted_outcomes, outcomes),
            *_differing("final records", wanted_finals, finals),
            *_differing("dead letters", wanted_letters, letters),
        ]

    def _said(self, topic: str) -> list[dict[str, Any]]:
        return [each for _, each in self._times(topic)]

    def _times(self, topic: str) -> list[tuple[float, dict[str, Any]]]:
        """Each record once, by its `ce_id`: a crash may write it twice."""
        once: dict[str, tuple[float, dict[str, Any]]] = {}
        for record in self.topics[topic]:
            once.setdefault(record.headers["ce_id"], (record.at, record.json))
        return list(once.values())


def _call(request: Request) -> str:
    return request.headers["postcall-call-id"]


def _differing(what: str, wanted: Counter[Any], found: Counter[Any]) -> list[str]:
    lacking, more = wanted - found, found - wanted
    return [f"{what}: found {dict(more)} too many, {dict(lacking)} too few"] if lacking or more else []
