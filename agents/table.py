"""The rows of one partition as the rules read and write them."""

from collections.abc import Iterator
from itertools import islice

from agents import failpoints
from agents.kafka.changelog import MOST_BYTES, TooLarge
from agents.kafka.rows import Rows
from schemas import keys, wire
from schemas.calls import Call, Part, PartKey
from streams.effects import Step


class Table:
    """The table `calls`, one partition of it. It is the `Book` of `streams.machine.step`."""

    def __init__(self, rows: Rows, partition: int) -> None:
        self._rows = rows
        self._partition = partition

    def call(self, call_id: str) -> Call | None:
        """The row of a call, live or settled; None if nobody spoke of it yet."""
        row = self._rows.get(self._partition, keys.live(call_id))
        if row is None:
            row = self._rows.get(self._partition, keys.settled(call_id))
        return None if row is None else wire.read_call(row)

    def part(self, key: PartKey) -> Part:
        """A part. Raises KeyError if it is not there."""
        row = self._rows.get(self._partition, keys.part(key))
        if row is None:
            raise KeyError(key)
        return wire.read_part(row)

    def live(self, after: str = "", most: int | None = None) -> list[Call]:
        """Calls of this partition that are not settled: up to `most` behind one, in the order of their keys."""
        since = keys.live(after)
        rows = (row for key, row in self._rows.scan(self._partition, keys.LIVE, since) if key != since)
        return [wire.read_call(row) for row in islice(rows, most)]

    def write(self, before: Call | None, step: Step, leave: int = 0) -> None:
        """Write what a step changed: parts before the row that names them, in one batch if they fit.

        Raises TooLarge for a row that Kafka would refuse, or that does not leave so many bytes; then
        nothing is written. A message about a call that was forgotten leaves no row.
        """
        call = step.call
        if call == (before or Call(call.call_id)) and not (step.parts or step.forgotten or step.erased):
            return
        with self._rows.atomic(self._partition) as rows:
            for key, part in step.parts:
                rows.set(keys.part(key), wire.row(part))
            for key in step.forgotten:
                rows.delete(keys.part(key))
            for name in self._all_parts(call.call_id) if step.erased else ():
                rows.delete(name)
            if before is not None and before.settled and not call.settled:
                rows.delete(keys.settled(call.call_id))
            if before is not None and not before.settled and call.settled:
                rows.delete(keys.live(call.call_id))
            row = wire.row(call)
            if len(row) > MOST_BYTES - leave:
                raise TooLarge(
                    f"the row of a call has {len(row)} bytes; expected at most {MOST_BYTES - leave}"
                )
            rows.set(keys.settled(call.call_id) if call.settled else keys.live(call.call_id), row)
        if step.erased:
            failpoints.hit("call-erased")

    def sweep(self, after: bytes, most: int) -> Iterator[tuple[bytes, Call]]:
        """Up to `most` settled rows behind a key, in the order of their keys."""
        for key, row in self._rows.scan(self._partition, keys.SETTLED, after):
            if key > after:
                if most == 0:
                    return
                most -= 1
                yield key, wire.read_call(row)

    def forget(self, call_id: str) -> None:
        """Delete a settled call and whatever parts of it are left."""
        leftover = self._all_parts(call_id)
        with self._rows.atomic(self._partition) as rows:
            for key in leftover:
                rows.delete(key)
            rows.delete(keys.settled(call_id))

    def _all_parts(self, call_id: str) -> list[bytes]:
        return [key for key, _ in self._rows.scan(self._partition, keys.parts(call_id))]
