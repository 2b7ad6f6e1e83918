"""An extract path leads along members and items, however it is read, and nothing else is one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams import jsonpaths
from streams.jsonpaths import steps
from streams.template import TemplateFault

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True) | st.sampled_from(
    ["and", "or", "not", "in", "true", "false", "null", "nil", "none", "length", "keys", "contains"]
)


@pytest.mark.parametrize(
    "path",
    [
        "$..a",
        "$.*",
        "$.a[0:2]",
        "$.a['b','c']",
        "$[?match(@.a,'(a+)+b')]",
        "$.a[?@.b]",
        "",
        "$.a[",
        "a b",
        "$" + ".a" * 600,
    ],
)
def test_only_members_and_items_can_be_extracted(path: str) -> None:
    with pytest.raises(TemplateFault):
        steps(path)


@given(names=st.lists(NAMES, min_size=1, max_size=5))
def test_plain_names_mean_what_the_library_makes_of_them(names: list[str]) -> None:
    path = ".".join(("$", *names))
    assert steps(path) == jsonpaths._read(path, path) == tuple(names)
