"""Dead letters as an operator sees them: which are meant, and what a replay would make of each."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct, ValidationError, convert

from schemas.messages import Replay
from schemas.wire import json_value

Fate: TypeAlias = Literal["replay", "done", "forgotten", "unreadable"]
"""What a replay makes of a letter: it is asked for · it was delivered meanwhile · the call is older than what
workers remember · an event that could not be read, of which nothing is kept."""

DEFAULT_PORTS: Final = (":443", ":80")


class Letter(Struct, frozen=True):
    """One record of `dead-letters`: what a selection asks of it, and all that it says."""

    reason: str
    at: datetime
    said: dict[str, Any]
    call_id: str = ""
    agent_id: str = ""
    delivery_id: str = ""
    kind: str = ""
    id: str = ""
    endpoint: str = ""


class Selection(Struct, frozen=True):
    """Which letters are meant; what is None does not matter. `endpoint` is scheme://host[:port], or
    `<agent>/<node or type>`."""

    call: str | None = None
    node: str | None = None
    webhook: str | None = None
    endpoint: str | None = None
    reason: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    deliveries: frozenset[str] | None = None
    """These alone, by delivery id."""

    @property
    def empty(self) -> bool:
        """It selects everything."""
        return self == Selection()

    @property
    def whole_call(self) -> bool:
        """It names a call and nothing else."""
        return self.call is not None and self == Selection(call=self.call)


def read(value: bytes) -> Letter | None:
    """A record's value; None where no postcall wrote it."""
    try:
        said = json_value(value)
        return convert({**said, "said": said}, Letter)
    except (ValueError, TypeError, ValidationError):
        return None


def selects(selection: Selection, letter: Letter) -> bool:
    """Whether a letter is meant."""
    named = (
        (selection.call, letter.call_id),
        (selection.node, letter.id if letter.kind == "node" else ""),
        (selection.webhook, letter.id if letter.kind == "webhook" else ""),
        (selection.reason, letter.reason),
    )
    if any(wanted is not None and wanted != found for wanted, found in named):
        return False
    if selection.deliveries is not None and letter.delivery_id not in selection.deliveries:
        return False
    if selection.endpoint is not None and not _is_at(selection.endpoint, letter):
        return False
    after = selection.since is None or letter.at >= selection.since
    return after and (selection.until is None or letter.at < selection.until)


def latest(letters: Iterable[Letter]) -> list[Letter]:
    """The last letter of each delivery, in the order of their times; unreadable events all."""
    last: dict[str, Letter] = {}
    for number, letter in enumerate(sorted(letters, key=lambda one: one.at)):
        name = letter.delivery_id or str(number)
        last.pop(name, None)
        last[name] = letter
    return list(last.values())


def fate(letter: Letter, done: Collection[str], remembered_since: datetime) -> Fate:
    """What a replay makes of a letter; `done` are the deliveries that succeeded after their letter."""
    if not letter.delivery_id:
        return "unreadable"
    if letter.delivery_id in done:
        return "done"
    return "forgotten" if letter.at < remembered_since else "replay"


def messages(letters: Iterable[Letter], most: int) -> Iterator[Replay]:
    """The messages that ask for these deliveries, at most so many with each."""
    calls: dict[str, list[str]] = {}
    for letter in letters:
        calls.setdefault(letter.call_id, []).append(letter.delivery_id)
    for call_id, ids in calls.items():
        for start in range(0, len(ids), most):
            yield Replay(call_id, tuple(ids[start : start + most]))


def messages_for(call_id: str, fates: Sequence[tuple[Letter, Fate]], most: int) -> Iterator[Replay]:
    """The messages that ask for all that a call has, also for what its workflow would have sent had
    somebody known it, which has no letter; but never for what is forgotten."""
    if any(becomes == "forgotten" for _, becomes in fates):
        yield from messages((each for each, becomes in fates if becomes == "replay"), most)
    else:
        yield Replay(call_id)


def _is_at(endpoint: str, letter: Letter) -> bool:
    wanted = endpoint.removeprefix("endpoint/")
    where = letter.endpoint
    names = {f"{letter.agent_id}/{letter.id}", where, *(where.removesuffix(port) for port in DEFAULT_PORTS)}
    return wanted in names
