"""What a worker says while it works: one line each on stderr, for people or for log stores.

    log.info("attempt", extra={"call": call_id, "class": "success", "seconds": 0.12})

A line is a few words in the past tense and fields. Text: `2026-01-02T03:04:05.678Z info attempt call=c-1
class=success seconds=0.12`. JSON: an object with `at`, `level`, `logger`, `message` and the fields. What came
from outside cannot begin a line of its own.
"""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

from schemas.wire import json_bytes, moment

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
"""What every record has; all else on it is a field."""

_OURS: Final = ("agents",)

_OTHERS_LEVEL: Final = logging.WARNING
"""Of libraries, also while ours are at debug: httpx writes URLs at info, httpcore and aiokafka write headers
and credentials at debug."""


def set_up_logging(level: str, written_as: Literal["text", "json"], stream: TextIO | None = None) -> None:
    """Write every line from `level` on (a lower-case name), and of libraries only warnings.

    They go to `stream`, or to what stderr is when they are written.
    """
    handler = logging.StreamHandler(stream) if stream is not None else _Stderr()
    handler.setFormatter(Json() if written_as == "json" else Text())
    root = logging.getLogger()
    for former in root.handlers[:]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(_OTHERS_LEVEL)
    for name in _OURS:
        logging.getLogger(name).setLevel(level.upper())


class _Stderr(logging.Handler):
    """Writes to today's stderr: it may be another one than at the start."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
        except (OSError, ValueError):
            self.handleError(record)


class Text(logging.Formatter):
    """Lines for people: time, level, words, fields; a traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record, and its traceback if it has one."""
        fields = "".join(f" {name}={_word(value)}" for name, value in fields_of(record).items())
        line = f"{_at(record)} {record.levelname.lower()} {_one_line(record.getMessage())}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class Json(logging.Formatter):
    """Lines for log stores: one object each."""

    def format(self, record: logging.LogRecord) -> str:
        """The object of a record."""
        line = {
            "at": _at(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json_bytes(_sayable(line | fields_of(record))).decode()


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What was given as `extra`."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _at(record: logging.LogRecord) -> str:
    return moment(datetime.fromtimestamp(record.created, UTC))


def _word(value: Any) -> str:
    match value:
        case float():
            return f"{value:.3g}" if abs(value) < 1 else f"{value:.3f}".rstrip("0").rstrip(".")
        case str() if value.isalnum() or (value.isprintable() and not set(value) & set(" \"='")):
            return value or '""'
        case str():
            return '"' + _one_line(value).replace('"', "'") + '"'
        case datetime():
            return moment(value)
        case _:
            return _word(str(value))


def _one_line(text: str) -> str:
    return (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    )


def _sayable(value: Any) -> Any:
    """The value without what JSON cannot say: a log line is never the reason for a failure."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case None | bool() | float() | datetime():
            return value
        case int():
            return value if -(2**63) <= value < 2**64 else str(value)
        case Mapping():
            return {str(name): _sayable(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_sayable(each) for each in value]
        case _:
            return str(value)
