"""Lanes with something in them, for tests."""

from streams.lanes import Lane, Lanes, Limits, Rank, Started


def lane(name: str, agent_id: str = "agent") -> Lane:
    return Lane(f"https://{name}.example:443", agent_id, "call.ended")


def filled(limits: Limits, *entries: tuple[Lane, Rank, int]) -> Lanes[str]:
    lanes: Lanes[str] = Lanes(limits)
    for key, rank, count in entries:
        for number in range(count):
            lanes.enter(key, rank, f"{key.agent_id}/{key.endpoint[8:9]}{number}/{rank.name}", 0.0)
    return lanes


def started(lanes: Lanes[str], now: float = 0.0) -> list[Started[str]]:
    return list(iter(lambda: lanes.start(now), None))  # type: ignore[arg-type]


def one_by_one(lanes: Lanes[str], count: int) -> list[str]:
    items = []
    for _ in range(count):
        turn = lanes.start(0.0)
        assert turn is not None
        lanes.finish(turn, 0.0)
        items.append(turn.item)
    return items
