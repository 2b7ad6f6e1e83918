"""What is outside of the workers of the model: the platform, an operator, two logs, a clock, endpoints, a broker."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from schemas.calls import Owed
from schemas.delivery import Answered, Reply
from schemas.endpoints import Mark
from schemas.events import Event
from schemas.messages import Replay, Replied
from schemas.workflow import Workflow
from streams.definitions import Snapshot
from tests.builders import START
from tests.streams.tales import Tale
from tests.streams.workers import Attempt, Request

OK = Answered(200, body={"ticket": 7})


@dataclass
class Outside:
    """One call id, and all that workers neither hold nor decide."""

    tale: Tale
    answer: Callable[[Request], Reply]
    now: datetime = START
    events: list[Event] = field(default_factory=list)
    internal: list[Any] = field(default_factory=list)
    wire: list[Request] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    excused: set[Attempt] = field(default_factory=set)
    """Attempts that may be made once more: somebody died who had them on the wire."""
    emitted: dict[str, dict[str, Any]] = field(default_factory=dict)

    # -- what the platform does

    def produce(self) -> None:
        if self.tale.events:
            self.events.append(self.tale.events.pop(0))

    # -- what an operator does

    def replay(self, *ids: str) -> None:
        """Ask for these deliveries once more, or for all that were given up."""
        self.internal.append(Replay("c1", ids))

    def resume(self) -> None:
        """No endpoint is disabled any more."""
        self._mark({})

    def know(self, workflow: Workflow) -> None:
        """A workflow is applied."""
        known = {workflow.id: {workflow.version: workflow}}
        self.tale.documents = Snapshot(known, self.tale.documents.agents, self.tale.documents.marks)

    # -- what the logs and the broker do

    def repeat(self, place: int) -> None:
        """An old message comes once more: a former owner was slow to say it."""
        if self.internal:
            self.internal.append(self.internal[place % len(self.internal)])

    def repeat_reply(self, place: int) -> None:
        """One of the last replies comes once more, when its attempt may be long over."""
        replies = [one for one in self.internal if isinstance(one, Replied)]
        if replies:
            self.internal.append(replies[-1 - place % min(4, len(replies))])

    def _write(self, owed: Owed) -> None:
        value = self.emitted[ce_id(owed)] = orjson.loads(owed.value)
        if owed.topic == "workflows" and owed.key is not None:
            self._mark({**self.tale.documents.marks, owed.key.removeprefix("endpoint/"): Mark(**value)})

    def _mark(self, marks: dict[str, Mark]) -> None:
        self.tale.documents = Snapshot(self.tale.documents.workflows, self.tale.documents.agents, marks)


def ce_id(owed: Owed) -> str:
    """What tells a record from all others."""
    return dict(owed.headers)["ce_id"].decode()
