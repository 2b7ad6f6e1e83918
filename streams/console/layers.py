"""A graph put into layers, so that arrows go down: which node in which layer, and in which order beside others.

The way of Sugiyama: cycles are opened where a walk from the start comes back, a node stands below everything
that leads to it, arrows over several layers get a bend in each, and each layer is ordered by where its
neighbours stand, down and up a few times.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

Arrow: TypeAlias = tuple[str, str]
Bend: TypeAlias = tuple[Arrow, int]
"""Where an arrow crosses a layer in which it neither begins nor ends."""
Place: TypeAlias = str | Bend
Layers: TypeAlias = list[list[Place]]

_SWEEPS: Final = 6


def layers(nodes: Sequence[str], arrows: Iterable[Arrow]) -> Layers:
    """The layers from the top; arrows to themselves or to unknown nodes do not count."""
    known = dict.fromkeys(nodes)
    down = [
        arrow
        for arrow in dict.fromkeys(arrows)
        if arrow[0] in known and arrow[1] in known and arrow[0] != arrow[1]
    ]
    following = _following(down)
    back = _back(nodes, following)
    opened = [(target, source) if (source, target) in back else (source, target) for source, target in down]
    depth = _depths(nodes, opened)
    found: Layers = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in nodes:
        found[depth[node]].append(node)
    links: dict[Place, set[Place]] = defaultdict(set)
    for arrow in opened:
        _thread(arrow, depth, found, links)
    return _ordered(found, links)


def _following(arrows: Iterable[Arrow]) -> dict[str, list[str]]:
    following: dict[str, list[str]] = defaultdict(list)
    for source, target in arrows:
        following[source].append(target)
    return following


def _back(nodes: Sequence[str], following: Mapping[str, Sequence[str]]) -> set[Arrow]:
    """The arrows that close a cycle, walking from the first nodes on."""
    back: set[Arrow] = set()
    done: set[str] = set()
    for start in nodes:
        if start in done:
            continue
        way, on_way = [(start, iter(following.get(start, ())))], {start}
        while way:
            node, targets = way[-1]
            target = next(targets, None)
            if target is None:
                way.pop()
                on_way.discard(node)
                done.add(node)
            elif target in on_way:
                back.add((node, target))
            elif target not in done:
                on_way.add(target)
                way.append((target, iter(following.get(target, ()))))
    return back


def _depths(nodes: Sequence[str], arrows: Sequence[Arrow]) -> dict[str, int]:
    """The length of the longest way to each node; the arrows have no cycle."""
    following, waits = _following(arrows), dict.fromkeys(nodes, 0)
    for _, target in arrows:
        waits[target] += 1
    depth = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not waits[node]]
    while ready:
        node = ready.pop()
        for target in following.get(node, ()):
            depth[target] = max(depth[target], depth[node] + 1)
            waits[target] -= 1
            if not waits[target]:
                ready.append(target)
    return depth


def _thread(arrow: Arrow, depth: Mapping[str, int], found: Layers, links: dict[Place, set[Place]]) -> None:
    """Lay an arrow through the layers between its ends."""
    source, target = arrow
    before: Place = source
    for at in range(depth[source] + 1, depth[target]):
        bend: Bend = (arrow, at)
        found[at].append(bend)
        links[before].add(bend)
        links[bend].add(before)
        before = bend
    links[before].add(target)
    links[target].add(before)


def _ordered(found: Layers, links: Mapping[Place, set[Place]]) -> Layers:
    best, fewest = [list(layer) for layer in found], _crossings(found, links)
    for sweep in range(_SWEEPS):
        order = range(1, len(found)) if sweep % 2 == 0 else range(len(found) - 2, -1, -1)
        for at in order:
            beside = found[at - 1 if sweep % 2 == 0 else at + 1]
            stands = {place: number for number, place in enumerate(beside)}
            found[at] = _by_neighbours(found[at], stands, links)
        crossings = _crossings(found, links)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in found], crossings
    return best


def _by_neighbours(
    layer: list[Place], stands: Mapping[Place, int], links: Mapping[Place, set[Place]]
) -> list[Place]:
    def middle(numbered: tuple[int, Place]) -> float:
        number, place = numbered
        near = [stands[one] for one in links.get(place, ()) if one in stands]
        return sum(near) / len(near) if near else float(number)

    return [place for _, place in sorted(enumerate(layer), key=middle)]


def _crossings(found: Layers, links: Mapping[Place, set[Place]]) -> int:
    count = 0
    for upper, lower in pairwise(found):
        stands = {place: number for number, place in enumerate(lower)}
        ends = [sorted(stands[one] for one in links.get(place, ()) if one in stands) for place in upper]
        seen: list[int] = []
        for row in ends:
            count += sum(before > each for each in row for before in seen)
            seen += row
    return count
