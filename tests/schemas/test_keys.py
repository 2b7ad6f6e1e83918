"""Keys of rows: a kind is one prefix, a call's parts lie together, and no call reads another's."""

from hypothesis import given
from hypothesis import strategies as st

from schemas import keys
from schemas.calls import PartKey

ids = st.text(min_size=1, max_size=60)
sorts = st.sampled_from("hraku")
numbers = st.integers(0, 2**32 - 1)
part_keys = st.builds(PartKey, ids, numbers, sorts, numbers)


@given(ids)
def test_a_row_tells_its_call_id(call_id: str) -> None:
    assert keys.call_id(keys.live(call_id)) == keys.call_id(keys.settled(call_id)) == call_id


@given(part_keys, part_keys)
def test_two_parts_have_two_keys(one: PartKey, other: PartKey) -> None:
    assert (keys.part(one) == keys.part(other)) == (one == other)


@given(part_keys, ids)
def test_a_scan_of_a_calls_parts_meets_its_own_and_no_others(key: PartKey, other: str) -> None:
    assert keys.part(key).startswith(keys.parts(key.call_id))
    assert keys.part(key).startswith(keys.parts(other)) == (key.call_id == other)


def test_the_parts_of_a_call_whose_id_goes_on_are_its_own() -> None:
    assert not keys.part(PartKey("a#2", 1, "h", 0)).startswith(keys.parts("a"))


@given(ids, part_keys)
def test_kinds_of_rows_never_meet(call_id: str, key: PartKey) -> None:
    kinds = {keys.live(call_id)[:1], keys.settled(call_id)[:1], keys.part(key)[:1]}
    assert kinds == {keys.LIVE, keys.SETTLED, keys.PART}


@given(ids, st.lists(st.tuples(numbers, sorts, numbers), min_size=2, max_size=2, unique=True))
def test_parts_of_a_sort_lie_in_the_order_of_their_numbers(
    call_id: str, two: list[tuple[int, str, int]]
) -> None:
    wanted = sorted(two)
    assert sorted(keys.part(PartKey(call_id, *one)) for one in two) == [
        keys.part(PartKey(call_id, *one)) for one in wanted
    ]
