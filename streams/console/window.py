"""A bounded window on what workers wrote about all calls: the newest records of the output topics, folded.

It holds the newest calls, letters and endpoints up to these counts, none older than it is told, whatever the
topics hold. Measured with calls of three deliveries each: about 0.9 KiB a call, 17 MiB when it is full.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Final

from schemas.encodings.moments import utc
from schemas.wire import json_value
from streams import letters
from streams.console.calls import CallRow, Said
from streams.console.endpoints import EndpointRow
from streams.letters import Letter

MOST_CALLS: Final = 20_000
MOST_LETTERS: Final = 5_000
MOST_ENDPOINTS: Final = 500
MOST_NAMES: Final = 200
"""Names (voice agent and node or type) that one endpoint keeps."""


class Window:
    """What the records come to. `revision` grows with each that changes anything."""

    def __init__(self) -> None:
        self.revision = 0
        self.calls: OrderedDict[tuple[str, int], CallRow] = OrderedDict()
        """Those that were decided or first spoken of last stand last."""
        self.letters: OrderedDict[str, Letter] = OrderedDict()
        """The last letter of each delivery; of an event that could not be read, under its place."""
        self.endpoints: OrderedDict[str, EndpointRow] = OrderedDict()
        self.forgotten = 0
        """Calls that were let go because there were too many."""

    def take(self, topic: str, value: bytes | None) -> None:
        """A record of call-outcomes, delivery-log or dead-letters; one that no postcall wrote is passed over."""
        try:
            self._TAKERS[topic](self, value or b"")
        except (ValueError, TypeError, KeyError):
            return
        self.revision += 1

    def prune(self, before: datetime) -> None:
        """Forget what is older."""
        while self.calls and next(iter(self.calls.values())).at < before:
            self.calls.popitem(last=False)
        while self.letters and next(iter(self.letters.values())).at < before:
            self.letters.popitem(last=False)

    def _outcome(self, value: bytes) -> None:
        said = json_value(value)
        row = self._row(said, str(said["decided_at"] or said["ended_at"]))
        decided = row.at
        row.decide(said)
        if row.at != decided or said["type"] != "call.settled":
            self.calls.move_to_end((row.call_id, row.incarnation))

    def _attempt(self, value: bytes) -> None:
        said = json_value(value)
        row = self._row(said, said["started_at"])
        success, final = said["class"] == "success", said["next_at"] is None
        row.stand(said["delivery_id"], "done" if success else "dead" if final else "retried")
        where = self.endpoints.setdefault(str(said["endpoint"]), EndpointRow(str(said["endpoint"])))
        where.add(said, row.agent_id if len(where.names) < MOST_NAMES else "")
        self.endpoints.move_to_end(where.url)
        while len(self.endpoints) > MOST_ENDPOINTS:
            self.endpoints.popitem(last=False)

    def _letter(self, value: bytes) -> None:
        letter = letters.read(value)
        if letter is None:
            raise ValueError("no letter")
        name = letter.delivery_id or str(letter.said.get("source"))
        self.letters[name] = letter
        self.letters.move_to_end(name)
        while len(self.letters) > MOST_LETTERS:
            self.letters.popitem(last=False)
        if letter.delivery_id and letter.call_id:
            row = self._row({"incarnation": 1, **letter.said}, str(letter.said["at"]))
            row.agent_id = row.agent_id or letter.agent_id
            row.stand(letter.delivery_id, "dead")

    def _row(self, said: Said, at: str) -> CallRow:
        name = str(said["call_id"]), int(said["incarnation"])
        row = self.calls.get(name)
        if row is None:
            began = utc(at)
            if began is None:
                raise ValueError(f"found {at!r}; expected a moment")
            row = self.calls[name] = CallRow(*name, at=began)
            while len(self.calls) > MOST_CALLS:
                self.calls.popitem(last=False)
                self.forgotten += 1
        row.changes += 1
        return row

    _TAKERS: Final[dict[str, Callable[["Window", bytes], None]]] = {
        "call-outcomes": _outcome,
        "delivery-log": _attempt,
        "dead-letters": _letter,
    }
