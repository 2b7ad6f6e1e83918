"""What endpoints answer in a simulation: the responses file, by node id or webhook event type."""

from datetime import datetime
from typing import Any, Final, TypeAlias

from msgspec import Struct

from agents.cli.exits import CommandRefused
from schemas import wire
from schemas.calls import Rendered
from schemas.delivery import Answered, Delivery, Reply, Silence
from streams import extract
from streams.judge import ABORT, DISABLE
from streams.retry import retry_after
from streams.simulation import TIMEOUT


class Scripted(Struct, frozen=True):
    """What an endpoint answers to an attempt."""

    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    content_type: str
    control: str | None


Script: TypeAlias = tuple[Scripted | Silence, ...]
"""One for each attempt; the last one is for all that follow."""


class Answers:
    """Scripted replies, by node id or webhook event type; to all else 200 and `{}`."""

    def __init__(self, scripts: dict[str, Script]) -> None:
        self._scripts = scripts

    def reply(self, delivery: Delivery, rendered: Rendered, now: datetime) -> Reply:
        """The reply to the attempt that the delivery is at."""
        script = self._scripts.get(delivery.id, _WELL)
        answer = script[min(delivery.attempt, len(script)) - 1]
        if isinstance(answer, Silence):
            return answer
        kept = extract.extract(
            rendered.request.keep, answer.headers.items(), answer.body, answer.content_type
        )
        return Answered(
            status=answer.status,
            headers=kept.headers,
            body=kept.body,
            extracted=kept.extracted,
            retry_after=retry_after(answer.headers.get("retry-after"), now),
            control=answer.control,
        )


_UNSENT: Final = frozenset({"dns", "refused", "connect_timeout", "tls"})


def read_answers(content: bytes, file: str) -> Answers:
    """The answers of a responses file. Raises CommandRefused, naming all that is wrong with it."""
    try:
        stated = wire.json_value(content)
    except ValueError as fault:
        raise CommandRefused(
            f"{file}: found no JSON ({fault}); expected an object of answers by id"
        ) from None
    if not isinstance(stated, dict):
        raise CommandRefused(f"{file}: found {type(stated).__name__}; expected an object of answers by id")
    faults = [
        f"{file}: {key}: {why}"
        for key, scripted in stated.items()
        for one in (scripted if isinstance(scripted, list) else [scripted])
        if (why := _fault(one)) is not None
    ]
    if faults:
        raise CommandRefused(*faults)
    return Answers({key: _script(scripted) for key, scripted in stated.items()})


def _script(stated: dict[str, Any] | list[dict[str, Any]]) -> Script:
    """One answer for every attempt, or a list with one for each of the first attempts."""
    return (*map(_scripted, stated), *_WELL) if isinstance(stated, list) else (_scripted(stated),)


def _fault(answer: object) -> str | None:
    if not isinstance(answer, dict):
        return f'found {answer!r}; expected {{"status", "headers", "body"}} or {{"error"}}'
    status = answer.get("status", 200)
    if type(status) is not int or not 100 <= status <= 999:
        return f"found status {status!r}; expected a whole number from 100 to 999"
    headers = answer.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(text, str) for text in headers.values()):
        return f"found headers {headers!r}; expected an object of texts"
    error = answer.get("error", TIMEOUT)
    return None if isinstance(error, str) else f"found error {error!r}; expected a word such as timeout"


def _scripted(answer: dict[str, Any]) -> Scripted | Silence:
    if "error" in answer:
        return Silence(answer["error"], "unsent" if answer["error"] in _UNSENT else "sent")
    headers = {name.lower(): text for name, text in answer.get("headers", {}).items()}
    body = answer.get("body", {})
    written = "text/plain" if isinstance(body, str) else "application/json"
    control = headers.get("webhook-delivery", "").strip().lower()
    return Scripted(
        status=answer.get("status", 200),
        headers=headers,
        body=body.encode() if isinstance(body, str) else wire.json_bytes(body),
        content_type=headers.get("content-type", written),
        control=control if control in (DISABLE, ABORT) else None,
    )


_WELL: Final[Script] = (_scripted({}),)
