"""A secret goes only to the hosts that its keeper listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from streams.hosts import covers, host_patterns

LABEL = some.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z]", fullmatch=True)
NAMES = some.lists(LABEL, min_size=2, max_size=4).map(".".join)


@given(NAMES, NAMES)
def test_a_name_covers_itself_alone(one: str, other: str) -> None:
    patterns = host_patterns(one)
    assert covers(patterns, one)
    assert covers(patterns, one.upper() + ".")
    assert covers(patterns, other) == (one == other)
    assert not covers(patterns, f"x{one}")
    assert not covers(patterns, f"x.{one}")
    assert not covers(patterns, f"{one}.x")


@given(NAMES, NAMES)
def test_a_star_covers_what_is_below_a_name_and_not_the_name(name: str, below: str) -> None:
    patterns = host_patterns(f"*.{name}")
    assert covers(patterns, f"{below}.{name}")
    assert not covers(patterns, name)
    assert not covers(patterns, f"evil{name}")
    assert not covers(patterns, f"{below}.{name}.evil")


def test_a_list_may_be_lines_or_commas_and_hold_addresses() -> None:
    patterns = host_patterns(" API.example.com, *.example.org\n8.8.8.8\r\n[2001:DB8::1] ,")
    assert patterns == ("api.example.com", "*.example.org", "8.8.8.8", "2001:db8::1")
    for host in ("api.example.com.", "a.b.example.org", "8.8.8.8", "2001:db8:0::1", "[2001:db8::1]"):
        assert covers(patterns, host)
    for host in ("example.com", "example.org", "8.8.8.80", "18.8.8.8", "2001:db8::2", ""):
        assert not covers(patterns, host)


@pytest.mark.parametrize(
    "listed",
    [
        "",
        " , \n",
        "https://a.example",
        "a.example:443",
        "a b",
        "*",
        "*.",
        "*.*.a",
        "a.*.b",
        "bücher.example",
        "127.1",
    ],
)
def test_a_list_that_cannot_be_read_binds_to_nothing_by_mistake(listed: str) -> None:
    with pytest.raises(ValueError, match="found"):
        host_patterns(listed)
