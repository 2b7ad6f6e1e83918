"""Judges a run from outside: nothing lost, nothing made up, nothing done twice, everything in order.

It imports nothing of the engine. It reads what was told (`call-events` from offset 0), decides by a reading
of its own what had to happen, and compares that with the receiver's file and with what the engine says of
itself.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from tests.system.owed import Documents, Owed, owed_by
from tests.system.reading import RANKS, Reading, read_call
from tests.system.witnesses import Record, Seen, Witnesses

FOLDING_SECONDS = 0.75
"""A reply that came back so shortly before a kill may not have been durable yet."""

ARRIVING_SECONDS = 0.5
"""What a worker had handed to the kernel is still delivered after it was killed, and read when there is time."""

INVARIANTS = {
    "lost": "every expected node and webhook has a request and exactly one final record (I1)",
    "phantom": "no request that nobody owed (I2)",
    "key": "one idempotency key for each delivery, shared by nothing else (I3)",
    "body": "the same bytes on every attempt (I4)",
    "repeated": "no request again after its 2xx, but for what was in flight at a kill (I5, I6)",
    "order": "a node starts after those it waits for (I7)",
    "verdict": "one verdict for each call, and the right one",
    "count": "events read are events counted, and metrics agree with the witnesses (I9)",
    "secret": "a planted secret shows nowhere but in its requests (I11)",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not be: which invariant, of which call, and what was found."""

    invariant: str
    call_id: str
    found: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the oracle found, and how much it looked at."""

    violations: tuple[Violation, ...]
    looked_at: Counter[str]
    repeats: int
    """Requests made again after their 2xx, explained by a kill or not."""
    in_flight_at_kills: int
    readings: dict[str, Reading] = field(default_factory=dict)

    def count(self, invariant: str) -> int:
        """Return how many violations there are of one invariant."""
        return sum(each.invariant == invariant for each in self.violations)


@dataclass
class _Judging:
    """One judgement in the making."""

    witnesses: Witnesses
    documents: Documents
    violations: list[Violation] = field(default_factory=list)
    looked_at: Counter[str] = field(default_factory=Counter)
    readings: dict[str, Reading] = field(default_factory=dict)
    repeats: int = 0

    def claim(self, invariant: str, holds: bool, call_id: str, found: str) -> None:
        """Count one look, and keep what was found when the invariant does not hold."""
        self.looked_at[invariant] += 1
        if not holds:
            self.violations.append(Violation(invariant, call_id, found))


def judge(
    witnesses: Witnesses,
    documents: Documents,
    secrets: Collection[str] = (),
    undisturbed: bool = False,
    among: Collection[str] | None = None,
) -> Judgement:
    """Judge a finished run; `undisturbed` adds that the workers' counters agree with the witnesses.

    `among` limits the calls that are read (others must still have no request): those told of by records that
    are no events are not for this reading.
    """
    judging = _Judging(witnesses, documents)
    calls = [call for call in witnesses.events_of if among is None or call in among]
    for call_id in calls:
        _judge_call(judging, call_id)
    for call_id in set(witnesses.requests_of) - set(calls):
        judging.claim("phantom", False, call_id, "a request for a call that no event tells of")
    _judge_keys(judging)
    _judge_secrets(judging, secrets)
    if undisturbed:
        _judge_counts(judging)
    in_flight = sum(1 for seen in witnesses.requests if any(_in_flight(seen, at) for at in witnesses.kills))
    found = tuple(judging.violations)
    return Judgement(found, judging.looked_at, judging.repeats, in_flight, judging.readings)


def _judge_call(judging: _Judging, call_id: str) -> None:
    records = judging.witnesses.events_of[call_id]
    requests: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for seen in judging.witnesses.requests_of.get(call_id, []):
        requests[seen.delivery].append(seen)
    final, first = read_call(records)
    judging.readings[call_id] = final

    def succeeded(node: str) -> bool:
        return any(seen.succeeded for seen in requests.get(("node", node), []))

    owed = owed_by(judging.documents, [record.json for record in records], final, first, succeeded)
    _judge_nodes(judging, call_id, owed, requests)
    _judge_hooks(judging, call_id, owed, requests)
    _judge_order(judging, call_id, owed, requests)
    _judge_verdict(judging, call_id, final, first)
    for seen_of in requests.values():
        _judge_repeats(judging, call_id, seen_of)


def _judge_nodes(
    judging: _Judging, call_id: str, owed: Owed, requests: dict[tuple[str, str], list[Seen]]
) -> None:
    for node in owed.nodes:
        judging.claim("lost", ("node", node) in requests, call_id, f"no request of node {node}")
        finals = _final_records(judging, call_id, "node", node)
        judging.claim("lost", len(finals) == 1, call_id, f"{len(finals)} final records of node {node}")
    for kind, node in requests:
        if kind == "node":
            judging.claim(
                "phantom", node in owed.nodes, call_id, f"a request of node {node}, which was not owed"
            )
        elif kind != "hook":
            judging.claim("phantom", False, call_id, f"a request to /{kind}/{node}, which no document names")


def _judge_hooks(
    judging: _Judging, call_id: str, owed: Owed, requests: dict[tuple[str, str], list[Seen]]
) -> None:
    made = Counter(
        {
            name: len({seen.key for seen in seen_of})
            for (kind, name), seen_of in requests.items()
            if kind == "hook"
        }
    )
    nearest = min(owed.hooks, key=lambda way: ((way - made) + (made - way)).total())
    missing, added = nearest - made, made - nearest
    judging.claim("lost", not missing, call_id, f"no request for webhooks {dict(missing)}")
    judging.claim("phantom", not added, call_id, f"requests for webhooks {dict(added)}, which were not owed")
    for hook, count in nearest.items():
        finals = _final_records(judging, call_id, "webhook", hook)
        judging.claim("lost", len(finals) == count, call_id, f"{len(finals)} final records of webhook {hook}")


def _judge_order(
    judging: _Judging, call_id: str, owed: Owed, requests: dict[tuple[str, str], list[Seen]]
) -> None:
    for node, parents in owed.nodes.items():
        for parent in parents:
            began = min((seen.at for seen in requests.get(("node", node), [])), default=None)
            answers = [seen for seen in requests.get(("node", parent), []) if seen.answer_at is not None]
            good = [seen.answer_at for seen in answers if seen.succeeded and seen.answer_at is not None]
            over = min(good) if good else max((seen.answer_at or 0.0 for seen in answers), default=0.0)
            if began is not None:
                early = f"node {node} began {over - began:.3f} s before {parent} was answered"
                judging.claim("order", began >= over - 0.001, call_id, early)


def _judge_verdict(judging: _Judging, call_id: str, final: Reading, first: Reading | None) -> None:
    outcomes = [each.json for each in judging.witnesses.outcomes_of.get(call_id, [])]
    firsts = [each for each in outcomes if each["type"] == "call.outcome"]
    verdicts = sorted((e for e in outcomes if e["type"] != "call.settled"), key=lambda e: RANKS[e["verdict"]])
    judging.claim("verdict", len(firsts) == 1, call_id, f"{len(firsts)} first verdicts")
    if not verdicts:
        return
    last = verdicts[-1]
    said = f"{last['verdict']} at {last['end_node_id']} by {last['rule']} for {last['reason']}"
    right = (last["verdict"], last["end_node_id"]) == (final.verdict, final.end_node_id)
    judging.claim("verdict", right, call_id, f"{said}; expected {final}")
    judging.claim("verdict", last["rule"] in final.rules, call_id, f"{said}; expected {final}")
    judging.claim("verdict", last["reason"] == final.reason, call_id, f"{said}; expected {final}")
    early = [firsts[0]["verdict"]] if firsts and len(verdicts) > 1 else []
    judging.claim(
        "verdict", early in ([], [first and first.verdict]), call_id, f"{early} first; expected {first}"
    )
    settled = [each for each in outcomes if each["type"] == "call.settled"]
    judging.claim("lost", len(settled) == len(verdicts), call_id, f"{len(settled)} records of call.settled")


def _judge_repeats(judging: _Judging, call_id: str, requests: list[Seen]) -> None:
    by_key = defaultdict(list)
    for seen in requests:
        by_key[seen.key].append(seen)
    for same in by_key.values():
        judging.claim(
            "body", len({seen.body_sha256 for seen in same}) == 1, call_id, f"bodies of {same[0].path}"
        )
        judging.looked_at["repeated"] += 1
        good = next((seen for seen in same if seen.succeeded), None)
        if good is not None:
            _judge_those_after(judging, good, same[same.index(good) + 1 :])


def _judge_those_after(judging: _Judging, good: Seen, others: list[Seen]) -> None:
    # What was written to the log had been kept before: no kill excuses doing it again.
    kept_at = judging.witnesses.success_logged_at.get(good.key, float("inf"))
    excuses = [at for at in judging.witnesses.kills if _in_flight(good, at) and at < kept_at]
    for again in others:
        judging.repeats += 1
        explained = any(at < again.at for at in excuses)
        seconds = again.at - (good.answer_at or good.at)
        found = f"{again.path} again {seconds:.2f} s after its 2xx, by no kill"
        judging.claim("repeated", explained, good.call_id, found)


def _judge_keys(judging: _Judging) -> None:
    deliveries = defaultdict(set)
    keys = defaultdict(set)
    for seen in judging.witnesses.requests:
        deliveries[seen.key].add((seen.call_id, *seen.delivery))
        if seen.delivery[0] == "node":
            keys[seen.call_id, *seen.delivery].add(seen.key)
        same = bool(seen.key) and seen.headers.get("idempotency-key") == seen.key
        judging.claim("key", same, seen.call_id, f"{seen.path} without one key in both headers")
    for key, shared in deliveries.items():
        judging.claim("key", len(shared) == 1, min(shared)[0], f"key {key} is shared by {sorted(shared)}")
    for (call_id, _, node), found in keys.items():
        judging.claim("key", len(found) == 1, call_id, f"node {node} has keys {sorted(found)}")


def _judge_secrets(judging: _Judging, secrets: Collection[str]) -> None:
    witnesses = judging.witnesses
    for secret in secrets:
        planted = secret.encode()
        for record in (*witnesses.deliveries, *witnesses.outcomes, *witnesses.dead_letters):
            shown = planted in (record.value or b"")
            judging.claim("secret", not shown, "", f"in {record.topic}/{record.partition}/{record.offset}")
        for log in witnesses.logs:
            judging.claim("secret", planted not in log.read_bytes(), "", f"in {log}")


def _judge_counts(judging: _Judging) -> None:
    for series, counted, witnessed in _counts(judging.witnesses):
        judging.claim("count", counted == witnessed, "", f"{series} is {counted:.0f}; witnessed {witnessed}")


def _counts(witnesses: Witnesses) -> Iterator[tuple[str, float, int]]:
    yield "postcall_events_total", witnesses.metric("postcall_events_total"), len(witnesses.events)
    yield "postcall_attempts_total", witnesses.metric("postcall_attempts_total"), len(witnesses.requests)
    yield "postcall_attempts_total", witnesses.metric("postcall_attempts_total"), len(witnesses.deliveries)
    outcomes = [record.json for record in witnesses.outcomes]
    for verdict in RANKS:
        series = f"postcall_outcomes_total of {verdict}"
        told = sum(each["type"] != "call.settled" and each["verdict"] == verdict for each in outcomes)
        yield series, witnesses.metric("postcall_outcomes_total", verdict=verdict), told
    dead = "postcall_dead_letters_total"
    yield dead, witnesses.metric(dead), len(witnesses.dead_letters)


def _final_records(judging: _Judging, call_id: str, kind: str, name: str) -> list[Record]:
    return [
        record
        for record in judging.witnesses.deliveries_of.get(call_id, [])
        if (record.json["kind"], record.json["id"]) == (kind, name) and record.json["next_at"] is None
    ]


def _in_flight(seen: Seen, kill: float) -> bool:
    """Whether a request was under way, or only just answered, when a worker was killed."""
    began = seen.at <= kill + ARRIVING_SECONDS
    return began and (seen.answer_at is None or seen.answer_at + FOLDING_SECONDS >= kill)
