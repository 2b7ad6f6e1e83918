"""`postcall send-test`: one attempt, now, through the very guard and transport of the worker."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from secrets import token_hex
from time import monotonic
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from agents.attempt import Attempts, Outbound
from agents.cli.exits import DONE, FAILED, UsageRefused
from agents.cli.output import print_json, print_line
from agents.cli.sample import Sample, request_shown, sample
from agents.http.opening import no_longer_promised, open_client
from agents.http.progress import Progress
from agents.http.secrets import Secrets
from schemas import wire
from schemas.delivery import Answered, Class, Keep, Reply, Request
from schemas.documents.headers import wrong_with_name
from schemas.documents.sendings import METHODS
from schemas.settings import Settings
from schemas.spans import span
from schemas.workflow import Schedule
from streams.judge import Judgement, judge

LONGEST: Final = timedelta(seconds=60)
"""As long as a document may let an attempt take."""

JSON, TEXT = "application/json", "text/plain; charset=utf-8"


class Asked(NamedTuple):
    """What the command line says of the request."""

    method: str | None = None
    headers: tuple[str, ...] = ()
    body: str | None = None
    timeout: str | None = None


def run(target: str, asked: Asked, events: Path | None, as_json: bool, settings: Settings) -> int:
    """Send once and say what came back; DONE if that is a success.

    `target` is a URL, or FILE#NODE (FILE#TYPE) with `events` to render that node (webhook) from.
    """
    chosen = _stated(target, asked) if events is None else _sampled(target, events, asked, settings)
    outbound = _outbound(chosen.request)
    report = asyncio.run(_report(outbound, chosen.egress, settings))
    shown = request_shown(outbound.request) if chosen.rendered else None
    if as_json:
        print_json(report if shown is None else report | {"request": shown})
    else:
        _print(report, shown)
    return DONE if report["class"] == Class.SUCCESS.value else FAILED


def _stated(url: str, asked: Asked) -> Sample:
    file, hash_, _ = url.partition("#")
    if hash_ and "://" not in url and Path(file).exists():
        raise UsageRefused("found FILE#NODE without --events; expected a file with sample events")
    headers = [_header(line) for line in asked.headers]
    body = (asked.body or "").encode("utf-8", "surrogateescape")
    names = {name.lower() for name, _ in headers}
    if body and "content-type" not in names:
        headers.append(("content-type", JSON if _is_json(body) else TEXT))
    headers.append(("user-agent", f"postcall/{version('postcall')}"))
    request = Request(
        method=_method(asked.method or "POST"),
        url=(url,),
        headers=tuple((name, (value,)) for name, value in headers),
        body=body,
        timeout=_timeout(asked.timeout or "15s"),
        retry=Schedule(()),
        keep=Keep(body=True),
    )
    return Sample(request)


def _sampled(target: str, events: Path, asked: Asked, settings: Settings) -> Sample:
    file, hash_, name = target.partition("#")
    if not hash_ or not name:
        raise UsageRefused(f"found {target!r} with --events; expected FILE#NODE or FILE#TYPE")
    if asked != Asked():
        raise UsageRefused("found --method, --header, --body or --timeout with --events; expected FILE alone")
    return sample(Path(file), name, events, settings)


async def _report(outbound: Outbound, only: tuple[str, ...], settings: Settings) -> dict[str, Any]:
    client, progress = open_client(settings), Progress()
    secrets = Secrets(os.environ, settings.secrets_dir)
    attempts = Attempts(client, secrets, lambda: datetime.now(UTC), only=lambda _: only)
    began = monotonic()
    try:
        reply = await attempts.make(outbound, progress)
    finally:
        await client.close()
    judgement = judge(reply, "node")
    return {
        "class": judgement.class_.value,
        "status": reply.status if isinstance(reply, Answered) else None,
        "error": judgement.error,
        "reason": "; ".join(_reasons(reply, judgement, progress, no_longer_promised(settings))) or None,
        "address": progress.address,
        "seconds": round(monotonic() - began, 6),
        "body_bytes": progress.body_bytes,
    }


def _outbound(request: Request) -> Outbound:
    """The attempt. It says that it is a test, and its id is none that a real delivery has: the receiver
    would take that one for a repetition."""
    test_id = f"test-{token_hex(12)}"
    own = {"webhook-id": test_id, "idempotency-key": test_id, "postcall-test": "true"}
    others = [each for each in request.headers if each[0] not in own]
    headers = (*others, *((name, (value,)) for name, value in own.items()))
    marked = replace(request, headers=headers, keep=Keep(body=True))
    return Outbound("send-test", test_id, "node", 1, "", marked, "")


def _reasons(reply: Reply, judgement: Judgement, progress: Progress, unpromised: str | None) -> Iterator[str]:
    """What decided, where the status or the error does not say it all."""
    if progress.reason is not None:
        yield progress.reason
    if isinstance(reply, Answered):
        yield from _of_answer(reply, judgement)
    if unpromised is not None:
        yield unpromised


def _of_answer(reply: Answered, judgement: Judgement) -> Iterator[str]:
    if judgement.error == "redirect_not_followed":
        yield "found a redirect; expected an answer (a document may ask to follow 307 and 308 within the origin)"
    if reply.control is not None:
        yield f"found the header webhook-delivery: {reply.control}"
    if judgement.pause is not None:
        yield f"the endpoint is to be left alone for {judgement.pause:g} s"
    if not reply.complete:
        yield "the body was cut, late or compressed and counts as missing"


def _print(report: dict[str, Any], shown: dict[str, Any] | None) -> None:
    if shown is not None:
        print_line(f"{shown['method']} {shown['url']}")
        for name, value in shown["headers"].items():
            print_line(f"  {name}: {value}")
        if shown["body"] is not None:
            print_line(f"  {wire.json_bytes(shown['body']).decode()}")
    came = report["error"] if report["status"] is None else report["status"]
    address = f" from {report['address']}" if report["address"] else ""
    body = f", {report['body_bytes']} bytes" if report["status"] is not None else ""
    print_line(f"{report['class']}: {came}{address} in {report['seconds']:.3f} s{body}")
    if report["reason"]:
        print_line(f"  {report['reason']}")


def _method(stated: str) -> str:
    if stated.upper() not in METHODS:
        raise UsageRefused(f"--method: found {stated!r}; expected one of {', '.join(METHODS)}")
    return stated.upper()


def _timeout(stated: str) -> timedelta:
    try:
        timeout = span(stated)
    except ValueError as fault:
        raise UsageRefused(f"--timeout: {fault}") from None
    if not timedelta(0) < timeout <= LONGEST:
        raise UsageRefused(f"--timeout: found {stated!r}; expected more than 0s and at most 60s")
    return timeout


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    complaint = wrong_with_name(name.strip()) if colon else f"found {line!r}; expected 'Name: value'"
    if complaint is None and any(each in value for each in "\r\n\0"):
        complaint = f"found a line break or NUL in the value of {name.strip()}; expected one line"
    if complaint:
        raise UsageRefused(f"--header: {complaint}")
    return name.strip(), value.strip()


def _is_json(body: bytes) -> bool:
    try:
        wire.json_value(body)
    except ValueError:
        return False
    return True
