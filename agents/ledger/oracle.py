"""Judges a run from outside: nothing lost, nothing made up, nothing done twice, everything in order.

It imports nothing of the engine. It reads what was told (`call-events` from offset 0), decides by a reading
of its own what had to happen, and compares that with the receiver's file and with what the engine says of
itself.
"""

from collections.abc import Collection

from agents.ledger.documents import Documents
from agents.ledger.judgement import Asked, Judgement, Judging, Left
from agents.ledger.of_calls import judge_call
from agents.ledger.of_requests import in_flight, judge_requests
from agents.ledger.of_runs import judge_run
from agents.ledger.rules import Rules
from agents.ledger.witnesses import Witnesses


def judge(
    witnesses: Witnesses,
    documents: Documents,
    secrets: Collection[str] = (),
    undisturbed: bool = False,
    among: Collection[str] | None = None,
    rules: Rules | None = None,
    memory_bytes: int | None = None,
) -> Judgement:
    """Judge a finished run; `undisturbed` adds that the workers' counters agree with the witnesses.

    `among` limits the calls that are read (others must still have no request): those told of by records that
    are no events are not for this reading. No worker may hold more than `memory_bytes`.
    """
    chosen = None if among is None else frozenset(among)
    workers = len(witnesses.scrapes) or None
    asked = Asked(
        tuple(secrets),
        undisturbed,
        chosen,
        rules=rules or Rules(),
        workers=workers,
        memory_bytes=memory_bytes,
    )
    return judged(witnesses, documents, asked)


def judged(witnesses: Witnesses, documents: Documents, asked: Asked) -> Judgement:
    """Judge what is asked of a run that may still go on."""
    judging = Judging(witnesses, documents, asked)
    calls = [call for call in judging.told_of if asked.among is None or call in asked.among]
    for call_id in calls:
        judge_call(judging, call_id)
    _judge_unheard_of(judging, set(calls))
    judge_requests(judging)
    judge_run(judging)
    under_way = sum(1 for seen in witnesses.seen if any(in_flight(seen, at) for at in witnesses.kills))
    left = tuple(Left(name, why, len(calls)) for (name, why), calls in judging.lefts.items())
    return Judgement(
        violations=tuple(judging.violations),
        looked_at=judging.looked_at,
        repeats=judging.repeats,
        in_flight_at_kills=under_way,
        readings=judging.readings,
        left=left,
        open_calls=tuple(judging.open_calls),
    )


def _judge_unheard_of(judging: Judging, calls: set[str]) -> None:
    """Requests of calls that no event tells of."""
    for call_id, requests in judging.witnesses.requests_of.items():
        if call_id in calls:
            continue
        if not call_id and not any(seen.key for seen in requests):
            judging.leave("phantom", "requests without any header of ours: tokens, or somebody else's")
        elif judging.asked.since is not None and call_id not in judging.told_of:
            judging.leave(
                "phantom", "requests of calls that began before the time from which is judged", call_id
            )
        else:
            judging.claim("phantom", False, call_id, "a request for a call that no event tells of")
