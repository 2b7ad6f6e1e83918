"""Records that are no events, in every way seen in the wild, drawn from a seed."""

import random
from collections.abc import Callable, Sequence

from tests.system.kafka_topics import Record

MARK = "test-poison"
"""The header that tells a poison from its neighbours in the log."""

_ENVELOPE = b'{"id":"p","type":"call.ended","call_id":"poisoned","agent_id":"support-bot","data":%s}'


def _nested(depth: int) -> bytes:
    return _ENVELOPE % (b'{"a":' * depth + b"1" + b"}" * depth)


_SMALL: dict[str, Callable[[random.Random], bytes]] = {
    "random bytes": lambda dice: dice.randbytes(dice.randint(1, 400)),
    "cut off": lambda dice: (_ENVELOPE % b"{}")[: dice.randint(1, 60)],
    "empty": lambda dice: b"",
    "no object": lambda dice: dice.choice([b"[]", b"1", b"null", b'"call.ended"', b"true", b"[{}]"]),
    "no call_id": lambda dice: b'{"id":"p","type":"call.ended","agent_id":"support-bot","data":{}}',
    "no type": lambda dice: b'{"id":"p","call_id":"poisoned","agent_id":"support-bot","data":{}}',
    "call_id of another type": lambda dice: (
        b'{"id":"p","type":"call.ended","call_id":%s}'
        % dice.choice([b"7", b"null", b"{}", b"[]", b"true", b'""'])
    ),
    "type of another type": lambda dice: b'{"id":"p","type":[],"call_id":"poisoned"}',
    "data of another type": lambda dice: _ENVELOPE % dice.choice([b"7", b'"x"', b"[1]"]),
    "no node": lambda dice: (
        b'{"id":"p","type":"%s","call_id":"poisoned","agent_id":"support-bot","data":%s}'
        % (
            dice.choice([b"node.entered", b"closing.spoken"]),
            dice.choice([b"{}", b"null", b'{"node_id":[]}', b'{"node_id":""}', b'{"node_id":{"id":"a"}}']),
        )
    ),
    "no moment": lambda dice: (
        b'{"id":"p","type":"call.ended","call_id":"poisoned","occurred_at":"yesterday"}'
    ),
    "seq of another type": lambda dice: b'{"id":"p","type":"call.ended","call_id":"poisoned","seq":"first"}',
    "too long a call_id": lambda dice: b'{"id":"p","type":"call.ended","call_id":"%s"}' % (b"x" * 300),
    "raw NUL": lambda dice: _ENVELOPE % b'{"reason":"\x00"}',
    "lone surrogate": lambda dice: b'{"id":"p","type":"call.ended","call_id":"\\ud800"}',
    "broken UTF-8": lambda dice: _ENVELOPE % b'{"reason":"\xff\xfe"}',
    "number without end": lambda dice: _ENVELOPE % b'{"duration_seconds":1e400}',
    "seq beyond 64 bits": lambda dice: (
        b'{"id":"p","type":"call.ended","call_id":"poisoned","seq":%d}' % 2**70
    ),
    "nested 400 deep": lambda dice: _nested(400),
}
_LARGE: dict[str, Callable[[random.Random], bytes]] = {
    "nested 100,000 deep": lambda dice: _nested(100_000),
    "two megabytes": lambda dice: _ENVELOPE % (b'{"x":"%s"}' % (b"y" * 2_000_000)),
}
HUGE = _ENVELOPE % (b'{"x":"%s"}' % (b"y" * 10_000_000))
"""Ten megabytes, for a broker that takes it."""


def poison(count: int, seed: int, keys: Sequence[bytes]) -> list[Record]:
    """Draw so many poisons; most are keyed like good calls, so that they lie between their events."""
    dice = random.Random(seed)
    kinds = [*_SMALL.values()]
    values = [dice.choice(kinds)(dice) for _ in range(count - 20)]
    values += [kind(dice) for kind in _LARGE.values() for _ in range(10)]
    dice.shuffle(values)
    return [(dice.choice([*keys, None]), value, [(MARK, b"1")]) for value in values]
