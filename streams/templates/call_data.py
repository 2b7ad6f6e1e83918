"""Names and what they stand for, worked out when they are first used."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from schemas.calls import Heard, Part, Response
from schemas.events import Event
from streams.templates.paths import MISSING

Question: TypeAlias = Callable[[], Any]


class CallData(Mapping[str, Any]):
    """Names and their values, each worked out once. A name that is none of them is a variable of the
    conversation, else what a known platform calls the same thing."""

    def __init__(self, questions: dict[str, Question]) -> None:
        self._questions = questions
        self._aliases: Aliases = _none_of
        self._answers: dict[str, Any] = {}

    def call_alike(self, aliases: "Aliases") -> None:
        """Let names of known platforms mean something, where no variable has the name. `aliases` is given
        these data: would it hold them itself, each context were garbage in a circle."""
        self._aliases = aliases

    def __getitem__(self, name: str) -> Any:
        answer = self.get(name, MISSING)
        if answer is MISSING:
            raise KeyError(name)
        return answer

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, or the default where nothing is known."""
        answer = self._answers.get(name, self)
        if answer is self:
            answer = self._answers[name] = self._ask(name)
        return default if answer is MISSING else answer

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._questions if self.get(name, MISSING) is not MISSING)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _ask(self, name: str) -> Any:
        if name in self._questions:
            return self._questions[name]()
        variables = self.get("variables", {})
        if name in variables:
            return variables[name]
        alias = self._aliases(self).get(name)
        return MISSING if alias is None else alias()


Aliases: TypeAlias = Callable[[CallData], dict[str, Question]]


def _none_of(_: CallData) -> dict[str, Question]:
    return {}


class Told:
    """The parts of a call, read at the first question and sorted by what they are."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = parts
        self._events: dict[str, list[Event]] | None = None
        self._responses: dict[str, Any] = {}

    def events(self, kind: str) -> list[Event]:
        """The heard events of one type."""
        if self._events is None:
            self._events = self._read()
        return self._events.get(kind, [])

    def responses(self) -> dict[str, Any]:
        """What was kept of the nodes' replies, by node id."""
        self.events("")
        return self._responses

    def _read(self) -> dict[str, list[Event]]:
        events: dict[str, list[Event]] = {}
        for part in self._parts:
            match part:
                case Heard(event):
                    events.setdefault(event.type, []).append(event)
                case Response():
                    self._responses[part.node_id] = {"response": _response(part)}
        return events


def _response(part: Response) -> dict[str, Any]:
    kept = {"status": part.status, "headers": part.headers, "extracted": part.extracted}
    return kept if part.body is None else {**kept, "body": part.body}
