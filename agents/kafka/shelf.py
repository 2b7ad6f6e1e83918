"""The rows of one partition between the agent that set them and the changelog that has them."""

import asyncio
from dataclasses import dataclass, field

from agents.kafka.changelog import Revoked, Row, check_size


@dataclass(slots=True)
class Shelf:
    """The rows of one partition which its changelog has not acknowledged."""

    accepting: bool = True
    dirty: dict[bytes, Row] = field(default_factory=dict)
    size: int = 0
    """Bytes of the dirty rows, at most."""
    flight: dict[bytes, Row] = field(default_factory=dict)
    dirty_done: "asyncio.Future[None] | None" = None
    flight_done: "asyncio.Future[None] | None" = None

    def put(self, row: Row) -> None:
        """Set a row; it takes its place at the end, after what was set before it."""
        self.dirty.pop(row.key, None)
        self.dirty[row.key] = row
        self.size += row.size
        if self.dirty_done is None:
            self.dirty_done = asyncio.get_running_loop().create_future()

    def pending(self, key: bytes) -> Row | None:
        """The newest row of this key that is not on disk yet."""
        return self.dirty.get(key) or self.flight.get(key)

    @property
    def newest_done(self) -> "asyncio.Future[None] | None":
        """Done when everything set so far has arrived; None when it has."""
        return self.dirty_done or self.flight_done

    def take(self) -> list[Row]:
        """Send the dirty rows on their way."""
        self.flight, self.dirty, self.size = self.dirty, {}, 0
        self.flight_done, self.dirty_done = self.dirty_done, None
        return list(self.flight.values())

    def land(self) -> None:
        """The rows on their way have arrived."""
        self.flight = {}
        if self.flight_done is not None and not self.flight_done.done():
            self.flight_done.set_result(None)
        self.flight_done = None

    def revoke(self, partition: int) -> None:
        """Tell everybody who waits that it was in vain."""
        for waited in (self.flight_done, self.dirty_done):
            if waited is not None and not waited.done():
                waited.set_exception(
                    Revoked(f"partition {partition} was revoked before its rows were durable")
                )
                waited.exception()  # nobody may be waiting


class Shelves(dict[int, Shelf]):
    """The shelves of the partitions that are open."""

    drops = 0
    """How often they were closed: what was acknowledged for the rows on them may be acknowledged in vain."""

    @property
    def size(self) -> int:
        """Bytes that wait to be sent, of all of them."""
        return sum(shelf.size for shelf in self.values())

    def dirty(self) -> list[tuple[int, Shelf]]:
        """Those with rows that nobody has sent yet."""
        return [(partition, shelf) for partition, shelf in self.items() if shelf.dirty]

    def drop(self) -> None:
        """Close all of them, and tell everybody who waits that it was in vain."""
        closed = dict(self)
        self.clear()
        self.drops += 1
        for partition, shelf in closed.items():
            shelf.revoke(partition)


class Step:
    """Rows that belong together. Set the live row last: a step too large for one batch keeps its order."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes | None] = {}

    def set(self, key: bytes, value: bytes) -> None:
        """Write a row with this step."""
        self._put(key, value)

    def delete(self, key: bytes) -> None:
        """Delete a row with this step."""
        self._put(key, None)

    def _put(self, key: bytes, value: bytes | None) -> None:
        check_size(key, value)
        self.rows.pop(key, None)
        self.rows[key] = value
