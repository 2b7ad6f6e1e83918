"""A workflow is drawn without boxes over each other, arrows down, cycles and all."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.workflow import Edge, Node, Workflow
from streams.console.drawing import HEIGHT, MOST_NODES, WIDTH, draw
from streams.console.layers import layers

NAMES = [f"n{number}" for number in range(9)]
ARROWS = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=25)


def workflow(arrows: list[tuple[str, str]], nodes: list[str] = NAMES) -> Workflow:
    made = tuple(Node(id=name, type="end_call" if name == "n3" else "conversation") for name in nodes)
    return Workflow("w", 1, made, tuple(Edge(source, target) for source, target in arrows))


@given(ARROWS)
def test_every_node_has_one_place_and_every_arrow_spans_layers(arrows: list[tuple[str, str]]) -> None:
    found = layers(NAMES, arrows)
    depth = {place: number for number, layer in enumerate(found) for place in layer if isinstance(place, str)}
    assert sorted(depth) == NAMES
    assert all(depth[source] != depth[target] for source, target in arrows if source != target)


@given(ARROWS)
def test_boxes_stand_apart_and_within_the_drawing(arrows: list[tuple[str, str]]) -> None:
    drawing = draw(workflow(arrows))
    assert drawing is not None
    boxes = drawing.boxes
    for one in boxes:
        assert one.x >= 0
        assert one.y >= 0
        assert one.x + WIDTH <= drawing.width
        assert one.y + HEIGHT <= drawing.height
        for other in boxes:
            assert one is other or abs(one.x - other.x) >= WIDTH or abs(one.y - other.y) >= HEIGHT
    assert len(drawing.lines) == len(set(arrows))


def test_a_tree_is_drawn_without_crossings_top_down() -> None:
    found = layers(["a", "b", "c", "d", "e"], [("a", "c"), ("a", "b"), ("c", "d"), ("b", "e")])
    assert found in ([["a"], ["b", "c"], ["e", "d"]], [["a"], ["c", "b"], ["d", "e"]])


def test_the_way_of_a_call_and_what_ran_behind_it_stand_out() -> None:
    drawing = draw(
        workflow([("n0", "n3"), ("n3", "n4"), ("n3", "n5")]), ["n0", "n3"], {"n4": "done", "n5": "skipped"}
    )
    assert drawing is not None
    assert {(one.source, one.target): one.on_path for one in drawing.lines} == {
        ("n0", "n3"): True,
        ("n3", "n4"): True,
        ("n3", "n5"): False,
    }
    assert {one.id: one.state for one in drawing.boxes if one.state} == {"n4": "done", "n5": "skipped"}


def test_what_nobody_could_read_is_not_drawn() -> None:
    assert draw(workflow([], [f"n{number}" for number in range(MOST_NODES + 1)])) is None
