"""One line each, with fields, readable by machines where asked; nothing from outside forges a line."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.logs import Json, Text, set_up_logging


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("agents").setLevel(logging.NOTSET)


def record(message: str, **fields: object) -> logging.LogRecord:
    made = {"msg": message, "levelname": "INFO", "name": "agents.deliver", "created": 1767323045.678}
    return logging.makeLogRecord(made | fields)


def test_a_line_for_people_has_its_time_level_words_and_fields() -> None:
    line = Text().format(record("attempt", call="c-1", seconds=0.1234, why="no answer", status=None))
    assert line == (
        '2026-01-02T03:04:05.678Z info attempt call=c-1 seconds=0.123 why="no answer" status=None'
    )


def test_a_line_for_log_stores_is_one_object() -> None:
    line = json.loads(Json().format(record("attempt", call="c-1", seconds=0.5)))
    assert line == {
        "at": "2026-01-02T03:04:05.678Z",
        "level": "info",
        "logger": "agents.deliver",
        "message": "attempt",
        "call": "c-1",
        "seconds": 0.5,
    }


@given(st.text(), st.text() | st.integers() | st.binary() | st.floats() | st.lists(st.text()))
def test_nothing_from_outside_begins_a_line_or_fails_to_be_logged(words: str, found: object) -> None:
    assert len(Text().format(record("said %s", args=(words,), found=found)).splitlines()) == 1
    assert json.loads(Json().format(record("said %s", args=(words,), found=found)))["level"] == "info"


def test_a_traceback_is_kept() -> None:
    told = record("crashed", exc_info=(ValueError, ValueError("found 3; expected 4"), None))
    assert "ValueError: found 3; expected 4" in Text().format(told)
    assert "ValueError: found 3; expected 4" in json.loads(Json().format(told))["trace"]


def test_libraries_say_only_warnings_even_at_debug() -> None:
    stream = io.StringIO()
    set_up_logging("debug", "text", stream)
    logging.getLogger("httpcore").debug("authorization: Bearer hunter2")
    logging.getLogger("httpx").info("POST https://hooks.example.com/secret")
    logging.getLogger("aiokafka").warning("lost the broker")
    logging.getLogger("agents.track").debug("folded")
    assert [line.split(" ", 2)[2] for line in stream.getvalue().splitlines()] == ["lost the broker", "folded"]


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    set_up_logging("warning", "text", stream)
    logging.getLogger("agents.track").info("took over")
    assert stream.getvalue() == ""
