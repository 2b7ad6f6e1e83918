"""A random life of a call among failures, its quiet end, and what must be true of it whatever happened."""

from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import orjson

from schemas.delivery import Answered, Reply, Silence
from streams import graph, ids
from tests.builders import call
from tests.streams.tales import CHAIN, Tale, tale
from tests.streams.workers import Request
from tests.streams.worlds import OK, World

MOST_ROUNDS = 400
"""More than any call needs: a tick that comes for ever is found out."""

REPLIES: tuple[Reply, ...] = (
    OK,
    OK,
    OK,
    Answered(500),
    Answered(503),
    Answered(404),
    Silence("reset", "sent"),
)


def life(seed: int) -> World:
    """A call that lives through whatever these dice say, and then quietly to its end."""
    dice = Random(seed)
    told = tale(dice)
    world = World(told, lambda _: dice.choice(REPLIES))
    happenings = (
        *(world.produce,) * 4,
        *(world.fold_event,) * 5,
        *(world.fold_internal,) * 5,
        *(world.flush,) * 4,
        *(world.act,) * 6,
        *(world.commit, world.acknowledge, world.tick, world.crash, world.lose),
        lambda: world.wait(dice.choice((0.1, 1.0, 3.0))),
        lambda: world.wait(dice.choice((3.0, 20.0, 130.0))),
        *silences(world, dice),
        world.tick,
        lambda: world.reply(dice.randrange(9), dice.random() < 0.2),
        lambda: world.reply(dice.randrange(9)),
        lambda: world.repeat(dice.randrange(99)),
        *(lambda: world.repeat_reply(dice.randrange(4)),) * 2,
        *(lambda: go_forward(world),) * 3,
        world.hand_over,
    )
    for _ in range(dice.randrange(20, 90)):
        dice.choice(happenings)()
    quieten(world)
    return straggling(world, dice) if dice.random() < 0.3 else world


def straggling(world: World, dice: Random) -> World:
    """Long after all is settled an event comes that sets off a webhook, and a worker dies of that."""
    late = call().analytics(id="late", session_id="a", agent_id="bot")
    world.tale.events += late.events
    return quieten(world, dice.randrange(15))


def go_forward(world: World) -> None:
    """Everything that was said is handled, all effects are done, and the next retry is waited for."""
    for _ in world.events:
        world.fold_event()
    for _ in range(len(world.internal)):
        world.fold_internal()
    world.flush()
    for _ in range(len(world.owner.effects)):
        world.act()
    retry, _ = world.due()
    if retry is not None:
        world.wait(max(0.0, (retry - world.now).total_seconds()))
        world.tick()


def silences(world: World, dice: Random) -> tuple[Callable[[], None], ...]:
    """How a worker loses its partition without knowing it, and what it does then."""
    return (
        world.beat_unanswered,
        world.freeze,
        lambda: world.wait_unheard(dice.choice((3.0, 8.0, 12.0))),
        world.expire,
        world.thaw,
        lambda: world.learn(dice.randrange(3)),
        *(lambda: world.go_on(dice.randrange(3), dice.randrange(4)),) * 2,
    )


def crashing(seed: int, after: int) -> World:
    """A call of these dice whose worker dies once, after so many things have happened."""
    dice = Random(seed)
    world = World(tale(dice), lambda _: dice.choice(REPLIES))
    return quieten(world, after)


def quieten(world: World, crash_after: int = -1) -> World:
    """Nothing fails any more (but that one crash): everything that is to happen happens."""
    happened, rounds = count(), 0
    world.thaw()
    world.beat()
    while world.zombies:
        world.learn()

    def happens(something: Callable[[], None]) -> None:
        something()
        if next(happened) == crash_after:
            world.crash()

    while _goes_on(world):
        rounds += 1
        assert rounds < MOST_ROUNDS, f"it does not end: {world.owner.call}"
        happens(world.produce)
        while world.owner.read[0] < len(world.events):
            happens(world.fold_event)
        while world.owner.read[1] < len(world.internal):
            happens(world.fold_internal)
        happens(world.flush)
        while world.owner.effects:
            happens(world.act)
        happens(world.commit)
        happens(world.acknowledge)
        while world.wire:
            happens(world.reply)
        if world.owner.read == (len(world.events), len(world.internal)):
            _wait_for_the_next(world)
    return world


def _goes_on(world: World) -> bool:
    owner = world.owner
    behind = owner.read != (len(world.events), len(world.internal))
    doing = owner.pending or owner.dirty or owner.effects or owner.posting
    under_way = bool(doing or world.wire or world.tale.events)
    return behind or under_way or any(world.due())


def _wait_for_the_next(world: World) -> None:
    due = min((at for at in world.due() if at is not None), default=None)
    if due is not None and not world.tale.events:
        world.wait(max(0.0, (due - world.now).total_seconds()))
    world.tick()


# -- what must be true in the end


def check(world: World) -> None:
    """Every promise, in the words of its failure."""
    call = world.owner.call
    assert call is not None
    assert call.settled, f"it is not settled: {call}"
    assert not world.owner.flights, f"still thought to be on the wire: {world.owner.flights}"
    assert world.owed == set(world.emitted), "what was owed is not what was emitted"
    outcomes = _of_type(world, "call.outcome")
    told = [one["incarnation"] for one in outcomes]
    assert sorted(told) == list(range(1, world.tale.incarnations + 1)), f"verdicts of incarnations {told}"
    ended = {one["incarnation"] for one in world.emitted.values() if one.get("verdict") == "PROPER"}
    assert len(ended) == world.tale.proper, f"proper ends {ended}; expected {world.tale.proper}"
    _check_nodes(world, ended)
    _check_requests(world)
    _check_webhooks(world, world.tale)


def _of_type(world: World, kind: str) -> list[dict[str, Any]]:
    return [one for one in world.emitted.values() if one.get("type") == kind]


def _check_nodes(world: World, proper: set[int]) -> None:
    """Nothing lost, no phantom, one terminal record a node, and the gates as the arrows say."""
    requested = {
        (one.delivery.incarnation, one.delivery.id) for one in world.sent if one.delivery.kind == "node"
    }
    expected = {node.id for node in graph.after_end(CHAIN, "resolved")}
    assert requested <= {(number, node) for number in proper for node in expected}, "a phantom"
    final = Counter(
        (one["incarnation"], one["id"]) if "incarnation" in one else one["delivery_id"]
        for one in world.emitted.values()
        if one.get("kind") == "node" and one.get("class") == "success"
    )
    dead = Counter(
        one["delivery_id"] for one in world.emitted.values() if "why" in one and one.get("kind") == "node"
    )
    assert all(times == 1 for times in (*final.values(), *dead.values())), "two terminal records"
    for number in proper:
        settled = [one for one in _of_type(world, "call.settled") if one["incarnation"] == number]
        results = {one["id"]: one["result"] for one in settled[-1]["deliveries"] if one["kind"] == "node"}
        assert set(results) == expected, f"settled with {results}"
        upgrades = [one for one in _of_type(world, "call.outcome_upgraded") if one["incarnation"] == number]
        assert len(settled) <= 1 + len(upgrades), f"told as settled {len(settled)} times"
        _check_gates(results)
        for node, result in results.items():
            assert (result == "done") == (final[number, node] == 1), f"{node} is {result}"
            dead_letter = dead[ids.of_node("c1", number, node)]
            assert (result == "dead") == (dead_letter == 1), f"{node} is {result}"
            assert (result != "skipped") == ((number, node) in requested), f"{node} is {result}"


def _check_gates(results: dict[str, str]) -> None:
    assert (results["mail"] == "skipped") == (results["crm"] == "dead"), f"settled with {results}"
    assert (results["alarm"] == "skipped") == (results["crm"] == "done"), f"settled with {results}"
    assert results["log"] != "skipped", f"settled with {results}"


def _check_requests(world: World) -> None:
    """One id and one body a node; a child after its parent. That nothing is sent twice for no reason, the
    world itself sees."""
    by_id = defaultdict(list)
    for request in world.sent:
        by_id[request.delivery.delivery_id].append(request)
    nodes = Counter(
        (one[0].delivery.incarnation, one[0].delivery.id)
        for one in by_id.values()
        if one[0].delivery.kind == "node"
    )
    assert all(times == 1 for times in nodes.values()), "two delivery ids of one node"
    for requests in by_id.values():
        assert len({one.rendered.request.body for one in requests}) == 1, "a body changed"
    for parent, child in (("crm", "mail"), ("crm", "alarm")):
        for after in (one for one in world.sent if one.delivery.id == child):
            before = [one for one in world.sent if one.delivery.id == parent and _same_call(one, after)]
            assert before, f"{child} before {parent}"
            assert before[0].sent_at <= after.sent_at, f"{child} before {parent}"


def _same_call(one: Request, other: Request) -> bool:
    return one.delivery.incarnation == other.delivery.incarnation


def _check_webhooks(world: World, told: Tale) -> None:
    """Once per event and once per verdict, under one id."""
    bodies = defaultdict(set)
    for one in world.sent:
        if one.delivery.kind == "webhook":
            bodies[one.delivery.id].add((one.delivery.delivery_id, one.rendered.request.body))
    if not told.subscribed:
        assert not bodies, "a webhook that nobody subscribed to"
        return
    for kind in ("conversation.started", "turn.completed", "analytics.completed"):
        said = {event.id for event in world.events if event.type == kind}
        assert {orjson.loads(body)["data"]["id"] for _, body in bodies[kind]} == said, f"{kind} not sent"
        assert len(bodies[kind]) == len(said), f"{kind} sent under two ids"
    assert len(bodies["call.ended"]) == told.incarnations, "call.ended once for each verdict"
    for kind in ("call.settled", "call.outcome_upgraded"):
        assert len(bodies[kind]) == len(_of_type(world, kind)), f"{kind} once for each record"
