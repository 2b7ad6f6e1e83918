"""All requests of a run judged together: keys, bytes, repetitions, and how an endpoint in trouble was treated."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from agents.ledger.judgement import Judging
from agents.ledger.witnesses import Seen, grouped

FOLDING_SECONDS: Final = 0.75
"""A reply that came back so shortly before a kill may not have been durable yet."""

ARRIVING_SECONDS: Final = 0.5
"""What a worker had handed to the kernel is still delivered after it was killed, and read when there is time."""

LONGEST_PAUSE: Final = 3600.0
"""Seconds: what a Retry-After says beyond counts as this."""

_DOWN: Final = frozenset({401, 403, 407, 408, 421, 423, 425, 500, 502, 503, 504, 507, 509, *range(520, 600)})
"""Answers that hurt an endpoint's health; so does silence."""

_IN_A_ROW: Final = 5
_PROBE_SECONDS: Final = 15.0
"""After so many failures one after the other an endpoint rests, and a probe comes at most so often."""

_SPREAD: Final = 0.9
"""A worker and a receiver measure a pause with clocks of their own, from the answer's start or its end."""

_NO_RECEIVER: Final = "without a receiver's file nobody saw headers and bytes"


def judge_requests(judging: Judging) -> None:
    """Judge what can only be seen across calls."""
    _judge_keys(judging)
    _judge_bodies(judging)
    for same in grouped(judging.witnesses.seen, lambda seen: f"{seen.call_id}\n{seen.key}").values():
        _judge_repeats(judging, sorted(same, key=lambda seen: seen.at))
    _judge_pace(judging)


def in_flight(seen: Seen, kill: float) -> bool:
    """Whether a request was under way, or only just answered, when a worker was killed."""
    began = seen.at <= kill + ARRIVING_SECONDS
    return began and (seen.answer_at is None or seen.answer_at + FOLDING_SECONDS >= kill)


def _judge_keys(judging: Judging) -> None:
    deliveries, keys = defaultdict(set), defaultdict(set)
    for seen, delivery, _ in judging.lanes:
        deliveries[seen.key].add((seen.call_id, *delivery))
        if delivery[0] == "node":
            keys[seen.call_id, delivery[1]].add(seen.key)
    for seen in judging.witnesses.requests or ():
        same = bool(seen.key) and seen.headers.get("idempotency-key") == seen.key
        judging.claim("key", same, seen.call_id, f"{seen.path} without one key in both headers")
    for key, shared in deliveries.items():
        judging.claim("key", len(shared) == 1, min(shared)[0], f"key {key} is shared by {sorted(shared)}")
    for (call_id, node), found in keys.items():
        judging.claim("key", len(found) == 1, call_id, f"node {node} has keys {sorted(found)}")


def _judge_bodies(judging: Judging) -> None:
    if judging.witnesses.requests is None:
        judging.leave("body", _NO_RECEIVER)
        return
    for same in grouped(judging.witnesses.requests, lambda seen: f"{seen.call_id}\n{seen.key}").values():
        alike = len({seen.body_sha256 for seen in same}) == 1
        judging.claim("body", alike, same[0].call_id, f"bodies of {same[0].path} differ between attempts")


def _judge_repeats(judging: Judging, same: Sequence[Seen]) -> None:
    judging.looked_at["repeated"] += 1
    good = next((seen for seen in same if seen.succeeded), None)
    if good is None:
        return
    # What was written to the log had been kept before: no kill excuses doing it again.
    kept_at = judging.witnesses.success_logged_at.get(good.key, float("inf"))
    excuses = [at for at in judging.witnesses.kills if in_flight(good, at) and at < kept_at]
    for again in same[same.index(good) + 1 :]:
        judging.repeats += 1
        explained = any(at < again.at for at in excuses)
        seconds = again.at - (good.answer_at or good.at)
        found = f"{again.path or again.event} again {seconds:.2f} s after its 2xx, by no kill"
        if not explained:
            judging.claim("repeated", False, good.call_id, found)


def _judge_pace(judging: Judging) -> None:
    if judging.witnesses.requests is None:
        judging.leave("pace", "without a receiver's file nobody saw a Retry-After, or when requests came")
        return
    lanes: dict[tuple[str, ...], list[Seen]] = defaultdict(list)
    for seen, delivery, agent in judging.lanes:
        lanes[seen.headers.get("host", ""), agent, *delivery].append(seen)
    for lane in lanes.values():
        requests = sorted(lane, key=lambda seen: seen.at)
        _judge_pauses(judging, requests)
        _judge_outages(judging, requests)


def _judge_pauses(judging: Judging, requests: Sequence[Seen]) -> None:
    # A pause of the whole endpoint is kept in a worker's memory; the delivery's own is in its state.
    alone = judging.asked.workers == 1 and not judging.witnesses.kills
    told = [each for each in requests if not each.succeeded and each.answer_at is not None]
    for answered in told:
        pause = _retry_after(answered)
        if pause is None or answered.answer_at is None:
            continue
        until = answered.answer_at + min(pause, LONGEST_PAUSE) * _SPREAD
        early = [
            each
            for each in requests
            if answered.answer_at + ARRIVING_SECONDS < each.at < until
            and (alone or each.key == answered.key)
            and not each.headers.get("postcall-replay")
        ]
        found = [
            f"{each.path} {each.at - answered.answer_at:.1f} s after a Retry-After of {pause:.0f} s"
            for each in early
        ]
        judging.claim(
            "pace", not early, early[0].call_id if early else answered.call_id, "; ".join(found[:3])
        )


def _retry_after(seen: Seen) -> float | None:
    """Seconds that an answer asks for, None where it asks for nothing that makes sense."""
    text = next((value for name, value in seen.answer_headers.items() if name.lower() == "retry-after"), None)
    if text is None or seen.answer_at is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - seen.answer_at


def _judge_outages(judging: Judging, requests: Sequence[Seen]) -> None:
    for run in _outages(requests):
        if judging.asked.workers is None:
            judging.leave(
                "pace", "how many workers ran is not known, and each probes an endpoint that is down"
            )
            return
        since = run[_IN_A_ROW - 1].answer_at or run[_IN_A_ROW - 1].at
        later = [each for each in run if each.at > since + ARRIVING_SECONDS]
        seconds = (run[-1].at - since) if later else 0.0
        # A worker begins anew when it is started: it has to find out by itself.
        finding_out = _IN_A_ROW * (judging.asked.workers - 1 + len(judging.witnesses.kills))
        most = judging.asked.workers * (1 + int(seconds / (_PROBE_SECONDS * _SPREAD))) + finding_out
        at = datetime.fromtimestamp(since, UTC)
        found = f"{len(later)} requests to {run[0].path} within {seconds:.0f} s after it was down ({at:%H:%M:%S}Z)"
        judging.claim("pace", len(later) <= most, run[-1].call_id, f"{found}; expected {most} at most")


def _outages(requests: Iterable[Seen]) -> list[list[Seen]]:
    """The stretches in which an endpoint failed from the first request to the last, five at least."""
    runs: list[list[Seen]] = [[]]
    for each in requests:
        if each.answer in _DOWN or isinstance(each.answer, str):
            runs[-1].append(each)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) >= _IN_A_ROW]
