"""A trace that reaches postcall goes on to the endpoint; a broken one harms nothing."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from streams.tracing import traceparent

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
OWN = traceparent(None, "call-1", "abc")


@given(some.text("0123456789abcdef", min_size=32, max_size=32).filter(lambda text: text.strip("0")))
def test_a_valid_trace_goes_on_as_it_is(trace: str) -> None:
    for flags in ("00", "01", "ff"):
        stated = f"00-{trace}-{PARENT}-{flags}"
        assert traceparent(stated, "call-1", "abc") == stated


@pytest.mark.parametrize(
    "stated", [f"01-{TRACE}-{PARENT}-01", f"cc-{TRACE}-{PARENT}-01-what the future brings"]
)
def test_of_a_later_version_that_part_goes_on_which_is_known(stated: str) -> None:
    assert traceparent(stated, "call-1", "abc") == f"00-{TRACE}-{PARENT}-01"


@pytest.mark.parametrize(
    "stated",
    [
        None,
        "",
        "garbage",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"01-{TRACE}-{PARENT}-01more",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-01\n",
        f"00-{TRACE}-{PARENT}-0١",
    ],
)
def test_what_is_no_trace_is_replaced_by_the_calls_own(stated: str | None) -> None:
    assert traceparent(stated, "call-1", "abc") == OWN


@given(some.text(), some.text(min_size=1), some.text(min_size=1))
def test_whatever_is_stated_a_valid_trace_comes_of_it(stated: str, call_id: str, delivery_id: str) -> None:
    made = traceparent(stated, call_id, delivery_id)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", made)


def test_all_deliveries_of_a_call_share_its_own_trace() -> None:
    assert OWN[:36] == traceparent(None, "call-1", "xyz")[:36]
    assert traceparent(None, "call-1", "xyz") != OWN
    assert OWN[:36] != traceparent(None, "call-2", "abc")[:36]
