"""Places where a test can make a worker fail, and how a setting names one.

A setting is `NAME=ACTION[@WHEN]`: `rows-set=kill@3`, `batch-acknowledged=delay:500ms@p=0.1:7`. ACTION is `kill`,
`raise`, `hang` or `delay:SPAN`. WHEN is the number of the pass, or `p=CHANCE[:SEED]` for each pass; without it the
action happens at every pass. Several may name one place.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from schemas.spans import span

Action: TypeAlias = Literal["kill", "raise", "hang", "delay"]

ACTIONS: Final[dict[Action, str]] = {
    "kill": "the process ends at once, by SIGKILL",
    "raise": "what passes there raises `FailpointHit`, a defect of ours",
    "hang": "what passes there never goes on",
    "delay": "what passes there waits for the span, `delay:500ms`",
}

FAILPOINTS: Final[dict[str, str]] = {
    # An event or an internal message
    "record-delivered": "The consumer took a record over; the engine has not seen it.",
    "record-read": "An event or internal message is known for what it is; nothing of it is folded.",
    "definitions-known": "The documents that an event or a replay may need are read; it is not folded.",
    "step-taken": "What a message changes is decided; no row is set.",
    "rows-set": "The rows of a step are set in memory; its record is not acknowledged.",
    "record-acked": "A record counts as handled; its rows wait for the changelog.",
    "reply-folded": "A reply is in the rows, which wait for the changelog.",
    "letter-written": "The dead letter of an unreadable record is with the broker; the record is not acknowledged.",
    "event-sent-on": "An event of another partition is with the broker again; the record is not acknowledged.",
    "slice-swept": "A slice of settled calls is deleted in memory; the sweep is not acknowledged.",
    "call-erased": "The parts of an erased call are deleted in memory.",
    # Rows on their way
    "batch-ready": "A batch of rows is taken; the client does not have it.",
    "batch-leaving": "A batch of rows has its number; it has not left for the broker.",
    "batch-acknowledged": "The broker has a batch of rows; RocksDB does not.",
    "batch-applied": "A batch of rows is in RocksDB; nobody who waits for it was told.",
    # Offsets
    "offsets-ready": "All that handled records wrote is with the broker; their offsets are not committed.",
    "offsets-committed": "The offsets of handled records are committed; the consumer has not noted it.",
    # Effects
    "effects-durable": "The rows behind some effects are durable; no effect has begun.",
    "lane-entered": "An attempt waits in its lane, or has left it for its task.",
    "attempt-begun": "An attempt has its turn; no connection is asked for.",
    "connection-open": "The connection stands; no byte of the request is written.",
    "request-written": "The request is with the kernel; nothing of an answer was read.",
    "answer-begun": "The head of an answer is read; nobody has judged it.",
    "reply-known": "An attempt is over; its reply is not posted.",
    "reply-posted": "The broker has a reply; it is not folded.",
    "record-sent": "An output record is with the client; the broker has not acknowledged it.",
    "emitted-due": "The broker has all records of a call; the call was not told.",
    "emitted-posted": "The message that tells a call of its records is with the client.",
    # Time
    "tick-due": "A moment has come; no tick is sent.",
    "tick-posted": "A tick is with the client; it is not folded.",
    # Endpoints and documents
    "mark-due": "An endpoint fails; its mark is not written.",
    "mark-written": "The broker has the mark of an endpoint.",
    "definitions-read": "Records of the topic of documents are in force.",
    # Partitions come
    "batch-recovered": "A recovery has written some records of the changelog to RocksDB.",
    "partitions-recovered": "The rows are recovered; the engine does not know of its partitions.",
    "tenure-begun": "A partition is taken over; its rows were not looked through.",
    "tenures-rebuilt": "All rows were looked through; what lies before the barrier was not.",
    "tenure-opening": "Everything before the barrier is read; what the rows owe is not started.",
    "sought": "The consumer went back to what is committed; nothing was fetched since.",
    # Partitions go
    "revoke-begun": "The partitions are being given away; no new row is accepted.",
    "revoke-dropped": "What is not on the wire is dropped; what is on it is not announced.",
    "revoke-announced": "What is on the wire is announced; output records may be on their way.",
    "revoke-handed-over": "The engine has let go; the last offsets are not committed.",
    "revoke-committed": "The last offsets are committed; the rows are still in memory.",
    # A worker leaves
    "drain-begun": "SIGTERM came; nothing new is started.",
    "drained": "What was on the wire is posted; the partitions are ours.",
    "drain-handed-over": "The partitions are let go of; Faust has not been told to stop.",
    "stop-flushed": "Everything is flushed; the last offsets are not committed.",
    "stop-committed": "The last offsets are committed; the group was not left.",
    # An operator
    "message-told": "A command has posted one of its messages; those after it are not posted.",
}
"""By name: what is true when a worker (or a command) dies there."""


class Order(Struct, frozen=True):
    """One failpoint as a setting names it. `nth` counts from 1; without `nth` and `chance` it is every pass."""

    name: str
    action: Action
    delay: timedelta = timedelta(0)
    nth: int | None = None
    chance: float | None = None
    seed: int = 0


def orders(words: Iterable[str]) -> tuple[Order, ...]:
    """The failpoints that a setting names. Raises ValueError, which names all words that are wrong."""
    read, faults = list[Order](), list[str]()
    for word in words:
        try:
            read.append(_order(word))
        except ValueError as fault:
            faults.append(f"{word!r} ({fault})")
    if faults:
        raise ValueError(
            f"found {', '.join(faults)}; expected NAME=ACTION, NAME=ACTION@PASS or NAME=ACTION@p=CHANCE:SEED with "
            f"an ACTION of kill, raise, hang, delay:SPAN and a NAME of {', '.join(FAILPOINTS)}"
        )
    return tuple(read)


def _order(word: str) -> Order:
    name, _, rest = word.partition("=")
    if name not in FAILPOINTS:
        raise ValueError("no such place")
    asked, at, when = rest.partition("@")
    wanted, _, length = asked.partition(":")
    action = next((each for each in ACTIONS if each == wanted), None)
    if action is None or bool(length) != (action == "delay"):
        raise ValueError("no such action")
    delay = span(length) if length else timedelta(0)
    if not at:
        return Order(name, action, delay)
    if not when.startswith("p="):
        return Order(name, action, delay, nth=_pass(when))
    chance, _, seed = when.removeprefix("p=").partition(":")
    return Order(name, action, delay, chance=_chance(chance), seed=_seed(seed))


def _pass(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("no such pass")
    return int(text)


def _chance(text: str) -> float:
    try:
        chance = float(text)
    except ValueError:
        chance = 0.0
    if not 0 < chance <= 1:
        raise ValueError("no such chance")
    return chance


def _seed(text: str) -> int:
    if text and not text.isdecimal():
        raise ValueError("no such seed")
    return int(text or 0)
