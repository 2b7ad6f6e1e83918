"""Up to where a partition may be committed: the acknowledged prefix of what was delivered.

Faust 0.15.3 looks at acknowledged offsets only. It tolerates one missing at the head, and none is
missing for it when the group has committed nothing yet: kill -9 then loses the message in work.
"""

from collections import deque


class Progress:
    """The messages of one partition that were delivered since its last seek."""

    def __init__(self) -> None:
        self._delivered: deque[int] = deque()
        self._acked: set[int] = set()
        self._next: int | None = None

    def deliver(self, offset: int) -> None:
        """Note a message that is about to be handed to the agent; offsets only rise."""
        if not self._delivered or offset > self._delivered[-1]:
            self._delivered.append(offset)

    def ack(self, offset: int) -> None:
        """Note a message as handled; one that was never delivered here is none of ours."""
        if not self._delivered or not self._delivered[0] <= offset <= self._delivered[-1]:
            return
        self._acked.add(offset)
        while self._delivered and self._delivered[0] in self._acked:
            done = self._delivered.popleft()
            self._acked.discard(done)
            self._next = done + 1

    @property
    def position(self) -> int | None:
        """The offset to commit: everything delivered below it is handled. None: nothing is."""
        return self._next

    @property
    def waiting(self) -> int:
        """How many delivered messages are not covered by `position`."""
        return len(self._delivered)
