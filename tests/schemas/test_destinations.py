"""What settings and documents may name as a destination is what the guard can read, and nothing else."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.destinations import is_destination
from streams.egress import egress

GOOD = ["10.0.0.0/8", "10.1.2.3", "fd00::/8", "::1", "crm.internal", "crm.internal.", "a_b-c", "x1"]
BAD = ["1.2.3.4/40", "10.0.0.1/8", "10.1.2", "0x7f.1", "crm.internal:8080", "https://crm", "a/b", "", "a b",
       "crm.1", "*.internal", "fd00::/129", "-/-"]  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_cidrs_addresses_and_host_names_are_destinations(text: str) -> None:
    assert is_destination(text)


@pytest.mark.parametrize("text", BAD)
def test_anything_else_is_none(text: str) -> None:
    assert not is_destination(text)


@given(st.text("0123456789abfx.:/-_%") | st.from_regex(r"[0-9a-fx.:/]{1,12}", fullmatch=True))
@example("fe80::1%eth0")
@example("0x.")
@example("1.0X1.")
def test_the_guard_can_read_every_destination(text: str) -> None:
    if is_destination(text):
        read = egress([text])
        assert read.networks or read.hosts
