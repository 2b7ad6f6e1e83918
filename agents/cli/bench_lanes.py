"""`postcall bench lanes`: what lanes are worth, played by the scheduler itself on a virtual clock.

First one endpoint that hangs beside many that do not, in a shared pool and in lanes; then the return of an
endpoint for which 100,000 deliveries wait.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

from agents.cli.exits import DONE
from agents.cli.output import print_json, print_line, print_table
from streams import rehearsals
from streams.traffic import Made


def run(as_json: bool) -> int:
    """Play both, and print what came of them."""
    with _progress() as told:
        load = rehearsals.PER_SECOND * rehearsals.SECONDS
        report = {
            "load": _load(),
            "shared_pool": _isolation(told("a shared pool", rehearsals.in_a_shared_pool(), load)),
            "lanes": _isolation(told("lanes", rehearsals.in_lanes(), load)),
            "recovery": _recovery(told("recovery", rehearsals.recovery(), rehearsals.PARKED)),
        }
    if as_json:
        print_json(report)
    else:
        _print(report)
    return DONE


def _load() -> dict[str, Any]:
    return {
        "per_second": rehearsals.PER_SECOND,
        "seconds": rehearsals.SECONDS,
        "endpoints": rehearsals.ENDPOINTS,
        "answer_seconds": rehearsals.ANSWERS_IN,
        "hanging_share": rehearsals.HANGING_SHARE,
        "hanging_seconds": rehearsals.HANGS_FOR,
        "slots": rehearsals.SLOTS,
    }


def _isolation(made: Iterable[Made]) -> dict[str, Any]:
    """How long deliveries to the healthy endpoints took, from due to done."""
    took, hanging = [], 0
    for one in made:
        if one.what.to == rehearsals.HANGS:
            hanging += one.started_at <= rehearsals.SECONDS
        else:
            took.append(one.ended_at - one.what.arrived_at)
    took.sort()
    return {
        "healthy_deliveries": len(took),
        "healthy_p50_seconds": round(took[len(took) // 2], 4),
        "healthy_p99_seconds": round(took[int(0.99 * len(took))], 4),
        "attempts_at_the_hanging_one": hanging,
    }


def _recovery(made: Iterable[Made]) -> dict[str, Any]:
    """How an endpoint was tried while it was down, and how quickly it got what waited."""
    while_down, delivered, closed_at, done_at = 0, set[int](), 0.0, 0.0
    starts: Counter[int] = Counter()
    for one in made:
        if one.said != rehearsals.WELL:
            while_down += 1
            continue
        closed_at = closed_at or one.ended_at
        done_at = one.ended_at
        delivered.add(one.what.delivery)
        if one.started_at >= closed_at:  # not the probe
            starts[int(one.started_at - closed_at)] += 1
    return {
        "deliveries": rehearsals.PARKED,
        "down_seconds": rehearsals.DOWN_FOR,
        "attempts_while_down": while_down,
        "found_well_after_seconds": round(closed_at - rehearsals.DOWN_FOR, 1),
        "delivered": len(delivered),
        "delivered_within_seconds": round(done_at - closed_at, 1),
        "started_by_second": [starts[second] for second in range(max(starts) + 1)],
    }


def _print(report: dict[str, Any]) -> None:
    load, back = report["load"], report["recovery"]
    print_line(
        f"{load['per_second']} deliveries a second to {load['endpoints']} endpoints that answer in "
        f"{load['answer_seconds'] * 1000:.0f} ms; {load['hanging_share']:.0%} go to one that hangs for "
        f"{load['hanging_seconds']:.0f} s; {load['slots']} slots"
    )
    print_table(
        "",
        "healthy p50",
        "healthy p99",
        "attempts at the hanging one",
        rows=[_row("a shared pool", report["shared_pool"]), _row("lanes", report["lanes"])],
    )
    print_line(
        f"\nan endpoint down for {back['down_seconds'] / 3600:.0f} h, {back['deliveries']} deliveries for it: "
        f"{back['attempts_while_down']} attempts meanwhile, found well {back['found_well_after_seconds']:.0f} s "
        f"after its return, {back['delivered']} delivered {back['delivered_within_seconds']:.0f} s later"
    )
    steps = ", ".join(str(each) for each in back["started_by_second"][2::5][:12])
    print_line(f"started a second, every five seconds of the return: {steps}, …")


def _row(name: str, found: dict[str, Any]) -> tuple[str, ...]:
    spans = (found["healthy_p50_seconds"], found["healthy_p99_seconds"])
    return name, *(f"{span * 1000:.0f} ms" for span in spans), str(found["attempts_at_the_hanging_one"])


class _Told:
    """Passes attempts on, and shows how many there were."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, what: str, made: Iterator[Made], expected: int) -> Iterator[Made]:
        task: TaskID = self._progress.add_task(what, total=expected)
        for number, one in enumerate(made):
            if number % 1_000 == 0:
                self._progress.update(task, completed=number)
            yield one
        self._progress.update(task, completed=expected)


@contextmanager
def _progress() -> Iterator[_Told]:
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as progress:
        yield _Told(progress)
