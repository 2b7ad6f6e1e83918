"""Spans of time are read with their unit, and written back the shortest way."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.spans import LONGEST, span, span_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("3s", 3), ("1.5s", 1.5), ("5m", 300), ("2h", 7200), ("7d", 604800), ("0s", 0)],
)
def test_a_duration_is_a_number_and_its_unit(text: str, seconds: float) -> None:
    assert span(text).total_seconds() == seconds


@pytest.mark.parametrize(
    "text", ["", "5", "s", "-1s", "5 s", "5S", "1h30m", "٣s", "1e3s", "366d", "9" * 500 + "s"]
)
def test_what_is_no_duration_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match=r"found .*; expected"):
        span(text)


@given(st.integers(0, LONGEST // timedelta(milliseconds=1)))
def test_a_span_that_was_written_reads_the_same(milliseconds: int) -> None:
    length = timedelta(milliseconds=milliseconds)
    assert span(span_text(length)) == length
