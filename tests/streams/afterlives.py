"""The life of a call whose endpoints fail, are disabled and resumed, and whose operator replays what died."""

from collections import Counter, defaultdict
from random import Random

from schemas.delivery import Answered, Reply
from streams import graph, ids
from tests.streams.lives import REPLIES, go_forward, quieten, silences
from tests.streams.tales import CHAIN, documents, tale
from tests.streams.worlds import OK, World

FAILING: tuple[Reply, ...] = (
    *REPLIES,
    Answered(404),
    Answered(410),
    Answered(410),
    Answered(200, control="disable"),
    Answered(500, control="disable"),
)


def afterlife(seed: int) -> World:
    """A call that lives through whatever these dice say; then all is well, and everything is replayed."""
    dice = Random(seed)
    told = tale(dice)
    if dice.random() < 0.2:
        told.documents = documents(None, *told.subscribed)
    world = World(told, lambda _: dice.choice(FAILING))
    happenings = (
        *(world.produce,) * 4,
        *(world.fold_event,) * 5,
        *(world.fold_internal,) * 6,
        *(world.flush,) * 5,
        *(world.act,) * 7,
        *(world.commit, world.acknowledge, world.tick, world.crash, world.hand_over, world.resume),
        *silences(world, dice),
        lambda: world.wait(dice.choice((1.0, 3.0, 20.0, 601.0))),
        *(lambda: world.reply(dice.randrange(9), dice.random() < 0.2),) * 3,
        lambda: world.repeat(dice.randrange(99)),
        lambda: world.repeat_reply(dice.randrange(4)),
        *(lambda: go_forward(world),) * 3,
        world.replay,
        lambda: world.replay(*dice.sample(sorted(_known(world)), min(2, len(_known(world))))),
    )
    for _ in range(dice.randrange(40, 120)):
        dice.choice(happenings)()
    return heal(quieten(world))


def heal(world: World) -> World:
    """Endpoints answer, none is disabled, the workflow is applied; the operator asks for everything, twice."""
    world.answer = lambda _: OK
    world.resume()
    world.know(CHAIN)
    world.replay()
    world.replay()
    return quieten(world)


def _known(world: World) -> set[str]:
    return {request.delivery.delivery_id for request in world.sent}


def check_healed(world: World) -> None:
    """Every promise of a replay, in the words of its failure."""
    assert world.owner.call is not None
    assert world.owner.call.settled, f"it is not settled: {world.owner.call}"
    assert world.owed == set(world.emitted), "what was owed is not what was emitted"
    _check_bytes(world)
    assert {key.sort for key in world.parts} <= {"h", "a", "u"}, f"left over: {list(world.parts)}"
    log = [one for one in world.emitted.values() if "next_at" in one]
    done = Counter(one["delivery_id"] for one in log if one["class"] == "success")
    assert set(done.values()) <= {1}, "done twice"
    assert set(done) == world.done, "what is done is not what was recorded"
    # A failure branch that died is not needed any more once what it made up for is done.
    needed = {one.delivery.delivery_id for one in world.sent if one.delivery.id != "alarm"}
    assert needed <= world.done, "something that was tried is not done"
    _check_nodes(world, set(done))


def _check_bytes(world: World) -> None:
    bodies, ids_of = defaultdict(set), defaultdict(set)
    for one in world.sent:
        bodies[one.delivery.delivery_id].add(one.rendered.request.body)
        if one.delivery.kind == "node":
            ids_of[one.delivery.incarnation, one.delivery.id].add(one.delivery.delivery_id)
    assert all(len(each) == 1 for each in bodies.values()), "a body changed"
    assert all(len(each) == 1 for each in ids_of.values()), "two delivery ids of one node"


def _check_nodes(world: World, done: set[str]) -> None:
    """All that hangs on a proper end was done, but for the failure branch that nothing called for."""
    records = list(world.emitted.values())
    proper = {one["incarnation"] for one in records if one.get("verdict") == "PROPER"}
    assert len(proper) == world.tale.proper, f"proper ends {proper}; expected {world.tale.proper}"
    for number in proper:
        for node in graph.after_end(CHAIN, "resolved"):
            called = ids.of_node("c1", number, node.id) in done
            assert called or node.id == "alarm", f"{node.id} was not done"
        settled = [
            one for one in records if one.get("type") == "call.settled" and one["incarnation"] == number
        ]
        results = {one["id"]: one["result"] for one in settled[-1]["deliveries"] if one["kind"] == "node"}
        assert set(results.values()) <= {"done", "skipped"}, f"told as settled with {results}"
