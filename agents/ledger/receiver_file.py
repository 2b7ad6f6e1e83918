"""Reads what a receiver wrote down: one JSON object a line, for each request, written before it answered.

`docs/verify.md` describes the format for those who write such a file themselves.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from agents.ledger.witnesses import Seen, moment

_EXPECTED = '{"at": …, "method": …, "path": …, "headers": {…}, "answer": status}'


class BadLine(ValueError):
    """A line that is no request; the message says which, what was found and what was expected."""


def read_requests(log: Path) -> tuple[Seen, ...]:
    """Return the requests of a receiver's file; a last line still being written is left out.

    Raises BadLine.
    """
    lines = log.read_bytes().split(b"\n")[:-1] if log.exists() else []
    return tuple(_seen(f"{log}:{number}", line) for number, line in enumerate(lines, start=1) if line.strip())


def _seen(where: str, line: bytes) -> Seen:
    try:
        said = json.loads(line)
    except ValueError:
        raise BadLine(f"{where}: found no JSON; expected {_EXPECTED}") from None
    if not isinstance(said, dict):
        raise BadLine(f"{where}: found no object; expected {_EXPECTED}")
    at, headers, answer = _time(said.get("at")), said.get("headers"), said.get("answer")
    lacking = [name for name in ("method", "path") if not isinstance(said.get(name), str)]
    if at is None or not isinstance(headers, dict) or not isinstance(answer, int | str) or lacking:
        raise BadLine(f"{where}: found {', '.join(said) or 'nothing'}; expected {_EXPECTED}")
    body = str(said.get("body") or "")
    return Seen(
        at=at,
        answer_at=_time(said.get("answer_at")),
        method=said["method"],
        path=said["path"],
        headers={name.lower(): str(value) for name, value in headers.items()},
        body=body,
        body_sha256=said.get("body_sha256") or hashlib.sha256(body.encode()).hexdigest(),
        answer=answer,
        answer_headers={name.lower(): str(each) for name, each in (said.get("answer_headers") or {}).items()},
    )


def _time(value: Any) -> float | None:
    """Seconds since 1970, or RFC 3339."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return moment(value)
