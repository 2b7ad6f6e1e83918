"""A run judged as a whole: what was counted, what leaked, how it bore trouble."""

from collections.abc import Iterator
from math import ceil
from typing import Final

from agents.ledger.judgement import Judging
from agents.ledger.reading import RANKS
from agents.ledger.spellings import spellings
from agents.ledger.witnesses import Disturbance, Sample, Seen, Witnesses, moment, once

CAUGHT_UP_SECONDS: Final = 60.0
"""How long after a disturbance's end the lag must be 0 (I10)."""

SLOWER_AT_MOST: Final = 1.5
"""What a disturbance may do to the healthy endpoints' 99th percentile (I8)."""

_ENOUGH: Final = 100
"""A 99th percentile of fewer requests says nothing."""

_FLOOR_SECONDS: Final = 0.01
"""What the clocks of one machine blur."""


def judge_run(judging: Judging) -> None:
    """Judge what belongs to no single call."""
    _judge_reading(judging)
    if judging.asked.undisturbed:
        _judge_counts(judging)
    _judge_secrets(judging)
    _judge_fairness(judging)
    _judge_recovery(judging)
    _judge_memory(judging)


def _judge_reading(judging: Judging) -> None:
    """Every event that nobody can read is a dead letter, and no other is."""
    records = {record.where: record for record in judging.witnesses.events}
    for where, why in judging.unreadable.items():
        if judging.past(records[where].at):
            found = f"{where} cannot be read ({why}), and is no dead letter"
            judging.claim("count", where in judging.refused, "", found)
    for where, letter in judging.refused.items():
        if where in records:
            said = letter.said.get("why")
            found = f"{where} was given up as unreadable ({said}), and can be read"
            judging.claim("count", where in judging.unreadable, "", found)


def _judge_counts(judging: Judging) -> None:
    for series, counted, witnessed in _counts(judging.witnesses):
        judging.claim("count", counted == witnessed, "", f"{series} is {counted:.0f}; witnessed {witnessed}")


def _counts(witnesses: Witnesses) -> Iterator[tuple[str, float, int]]:
    yield "postcall_events_total", witnesses.metric("postcall_events_total"), len(witnesses.events)
    attempts = "postcall_attempts_total"
    if witnesses.requests is not None:
        yield attempts, witnesses.metric(attempts), len(witnesses.requests)
    yield attempts, witnesses.metric(attempts), len(witnesses.deliveries)
    outcomes = [record.said for record in witnesses.outcomes]
    for verdict in RANKS:
        series = f"postcall_outcomes_total of {verdict}"
        told = sum(each["type"] != "call.settled" and each["verdict"] == verdict for each in outcomes)
        yield series, witnesses.metric("postcall_outcomes_total", verdict=verdict), told
    dead = "postcall_dead_letters_total"
    yield dead, witnesses.metric(dead), len(witnesses.dead_letters)


def _judge_secrets(judging: Judging) -> None:
    if not judging.asked.planted:
        judging.leave("secret", "nothing was planted")
        return
    for where, content in _shown(judging.witnesses):
        for number, planted in enumerate(judging.asked.planted, start=1):
            shown = any(spelling in content for spelling in spellings(planted))
            # What must show nowhere does not show here either.
            judging.claim("secret", not shown, "", f"the planted string {number} is in {where}")


def _shown(witnesses: Witnesses) -> Iterator[tuple[str, bytes]]:
    topics = (witnesses.deliveries, witnesses.outcomes, witnesses.dead_letters, witnesses.others)
    for record in (record for topic in topics for record in topic):
        headers = "\n".join(f"{name}: {value}" for name, value in record.headers.items()).encode()
        yield record.where, b"\n".join((record.key or b"", record.value or b"", headers))
    for log in witnesses.logs:
        yield f"the log {log.name}", log.read_bytes()
    for number, scrape in enumerate(witnesses.scrapes, start=1):
        yield f"the metrics of worker {number}", "\n".join(scrape).encode()


def _judge_fairness(judging: Judging) -> None:
    disturbances = [each for each in judging.witnesses.disturbances if not each.workers]
    if not disturbances:
        judging.leave("fair", "no disturbance of endpoints was told of")
        return
    # Who waits for a worker to come back learns nothing of endpoints.
    others = [
        Disturbance(each.since, each.until + CAUGHT_UP_SECONDS)
        for each in judging.witnesses.disturbances
        if each.workers
    ]
    ill = {_lane(seen) for seen in judging.witnesses.seen if not seen.succeeded}
    calm: list[float] = []
    hard: list[float] = []
    for seconds, seen in _delays(judging.witnesses):
        if _lane(seen) not in ill and not any(_within(each, seen.at) for each in others):
            (hard if any(_within(each, seen.at) for each in disturbances) else calm).append(seconds)
    if min(len(calm), len(hard)) < _ENOUGH:
        judging.leave(
            "fair", f"fewer than {_ENOUGH} first requests to healthy endpoints in calm or in trouble"
        )
        return
    before, during = _slowest(calm), _slowest(hard)
    found = f"p99 of the healthy endpoints {during * 1000:.0f} ms in trouble, {before * 1000:.0f} ms in calm"
    judging.claim("fair", during <= before * SLOWER_AT_MOST + _FLOOR_SECONDS, "", found)


def _lane(seen: Seen) -> tuple[str, str, str]:
    return seen.headers.get("host", ""), seen.event, seen.path.partition("?")[0]


def _within(disturbance: Disturbance, at: float) -> bool:
    return disturbance.since <= at <= disturbance.until


def _delays(witnesses: Witnesses) -> Iterator[tuple[float, Seen]]:
    """From a call's verdict to the first request of each webhook that it set off."""
    decided: dict[str, float] = {}
    for record in once(witnesses.outcomes):
        at = moment(record.said.get("decided_at"))
        if record.said.get("type") == "call.outcome" and at is not None:
            decided[record.said["call_id"]] = at
    met: set[str] = set()
    for seen in sorted(witnesses.seen, key=lambda each: each.at):
        if seen.key not in met and seen.event.startswith("call.") and seen.event != "call.settled":
            met.add(seen.key)
            if seen.call_id in decided and seen.at >= decided[seen.call_id]:
                yield seen.at - decided[seen.call_id], seen


def _slowest(delays: list[float]) -> float:
    return sorted(delays)[ceil(0.99 * len(delays)) - 1]


def _judge_recovery(judging: Judging) -> None:
    samples = judging.witnesses.samples
    if not samples:
        judging.leave("recovery", "no samples of lag and /readyz were given")
    for sample in samples:
        if sample.ready is not None and (sample.assigned is False or sample.recovering):
            found = f"{sample.worker} said ready without its partitions, at {sample.at:.1f}"
            judging.claim("recovery", not sample.ready, "", found)
        if sample.live is not None and sample.stuck:
            found = f"{sample.worker} said alive while it was stuck, at {sample.at:.1f}"
            judging.claim("recovery", not sample.live, "", found)
    lags = [sample for sample in samples if sample.lag is not None]
    for trouble in judging.witnesses.disturbances if lags else ():
        _judge_catching_up(judging, trouble, lags)


def _judge_catching_up(judging: Judging, trouble: Disturbance, lags: list[Sample]) -> None:
    limit = trouble.until + CAUGHT_UP_SECONDS
    if max(sample.at for sample in lags) < limit and not _caught_up(lags, trouble.until, limit):
        judging.leave("recovery", "the samples end sooner than a minute after a disturbance")
        return
    found = f"the lag did not come to 0 within {CAUGHT_UP_SECONDS:.0f} s of the end of {trouble.what or 'trouble'}"
    judging.claim("recovery", _caught_up(lags, trouble.until, limit), "", found)


def _caught_up(lags: list[Sample], since: float, until: float) -> bool:
    """Whether all workers were seen without lag, each by its last sample, at some moment."""
    last: dict[str, int] = {}
    for sample in sorted(lags, key=lambda each: each.at):
        last[sample.worker] = sample.lag or 0
        if since <= sample.at <= until and not any(last.values()):
            return True
    return False


def _judge_memory(judging: Judging) -> None:
    measured = [sample for sample in judging.witnesses.samples if sample.memory_bytes is not None]
    bound = judging.asked.memory_bytes
    if not measured or bound is None:
        judging.leave("memory", "no samples of memory, or no bound for them, were given")
        return
    for sample in measured:
        found = f"{sample.worker} held {(sample.memory_bytes or 0) >> 20} MiB; expected {bound >> 20} at most"
        judging.claim("memory", (sample.memory_bytes or 0) <= bound, "", found)
