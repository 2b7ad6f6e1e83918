"""What waits for its turn: an attempt, by its ids."""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from agents.attempt import Outbound
from schemas.delivery import Kind, Request
from streams.lanes import Lane, Rank


class Errand(Struct, frozen=True):
    """An attempt to be made, by its ids. `name` is the node id or the webhook event type, `endpoint`
    scheme://host:port; together with the voice agent they are the lane."""

    call_id: str
    delivery_id: str
    kind: Kind
    attempt: int
    endpoint: str
    agent_id: str
    name: str
    replay: bool = False

    @property
    def lane(self) -> Lane:
        """The lane it waits in."""
        return Lane(self.endpoint, self.agent_id, self.name)

    @property
    def rank(self) -> Rank:
        """Live before retries before replays."""
        if self.replay:
            return Rank.REPLAY
        return Rank.LIVE if self.attempt == 1 else Rank.RETRY

    def outbound(self, request: Request) -> Outbound:
        """The attempt, with its request."""
        return Outbound(
            call_id=self.call_id,
            delivery_id=self.delivery_id,
            kind=self.kind,
            attempt=self.attempt,
            endpoint=self.endpoint,
            request=request,
            agent_id=self.agent_id,
            replay=self.replay,
            name=self.name,
        )


Load: TypeAlias = Callable[[], Request | None]
"""The rendered request of an errand; None when it is not to be sent any more (its call was erased)."""
