"""Failpoints are ordered in one word each, and a word that is wrong is named with all that may stand there."""

from datetime import timedelta

import pytest

from schemas.failpoints import ACTIONS, FAILPOINTS, Order, orders


def test_an_order_says_where_what_and_when() -> None:
    words = (
        *("rows-set=kill@3", "batch-ready=delay:500ms", "tick-due=hang"),
        *("reply-known=raise@p=0.01:7", "sought=raise@p=1"),
    )
    assert orders(words) == (
        Order("rows-set", "kill", nth=3),
        Order("batch-ready", "delay", timedelta(milliseconds=500)),
        Order("tick-due", "hang"),
        Order("reply-known", "raise", chance=0.01, seed=7),
        Order("sought", "raise", chance=1.0),
    )


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("nowhere=kill", "no such place"),
        ("rows-set", "no such action"),
        ("rows-set=explode", "no such action"),
        ("rows-set=kill:1s", "no such action"),
        ("rows-set=delay", "no such action"),
        ("rows-set=delay:long", "expected a duration"),
        ("rows-set=kill@", "no such pass"),
        ("rows-set=kill@0", "no such pass"),
        ("rows-set=kill@soon", "no such pass"),
        ("rows-set=kill@p=2", "no such chance"),
        ("rows-set=kill@p=0", "no such chance"),
        ("rows-set=kill@p=often", "no such chance"),
        ("rows-set=kill@p=nan", "no such chance"),
        ("rows-set=kill@p=0.5:some", "no such seed"),
    ],
)
def test_a_word_that_is_wrong_is_named_with_what_may_stand_there(word: str, why: str) -> None:
    with pytest.raises(ValueError, match="expected NAME=ACTION") as refused:
        orders(["rows-set=kill", word])
    said = str(refused.value)
    assert f"found {word!r} (" in said
    assert why in said
    assert all(each in said for each in (*FAILPOINTS, *ACTIONS))


def test_all_words_that_are_wrong_are_named_at_once() -> None:
    with pytest.raises(ValueError, match=r"'a=kill' .*, 'b=kill' "):
        orders(["a=kill", "b=kill"])
