"""Failpoints do what they are ordered to, stand where their table says, and do nothing where none is armed."""

import asyncio
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from agents import failpoints
from schemas.failpoints import FAILPOINTS, orders
from tests.failpoints_page import HITS, PAGE, generated, places
from tests.readme import commands, tables
from tests.test_readme import CLEAN, shell


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    plain = failpoints.hit, failpoints.hit_async
    yield
    failpoints.hit, failpoints.hit_async = plain


def hits(passes: int, *words: str) -> list[int]:
    """The passes at which something is raised."""
    failpoints.arm(orders(words))
    raised = []
    for number in range(1, passes + 1):
        try:
            failpoints.hit("rows-set")
        except failpoints.FailpointHit:
            raised.append(number)
    return raised


def test_every_failpoint_stands_in_one_place_and_every_place_has_a_name() -> None:
    standing = places()
    assert [each for each in standing if each.name not in FAILPOINTS or each.function not in HITS] == []
    assert Counter(each.name for each in standing) == Counter(dict.fromkeys(FAILPOINTS, 1))


def test_without_an_order_nothing_happens() -> None:
    failpoints.arm(())
    failpoints.hit("rows-set")
    asyncio.run(_pass("rows-set"))


def test_an_order_counts_the_passes_of_its_own_place() -> None:
    failpoints.arm(orders(["rows-set=raise@2", "step-taken=raise@1"]))
    failpoints.hit("rows-set")
    with pytest.raises(failpoints.FailpointHit, match="step-taken"):
        failpoints.hit("step-taken")
    with pytest.raises(failpoints.FailpointHit, match="rows-set"):
        failpoints.hit("rows-set")
    failpoints.hit("rows-set")


def test_without_a_pass_it_is_every_pass_and_with_a_chance_some() -> None:
    assert hits(3, "rows-set=raise") == [1, 2, 3]
    drawn = hits(400, "rows-set=raise@p=0.1:7")
    assert 15 < len(drawn) < 80
    assert hits(400, "rows-set=raise@p=0.1:7") == drawn != hits(400, "rows-set=raise@p=0.1:8")


async def test_a_delay_in_a_coroutine_holds_up_nobody_else() -> None:
    failpoints.arm(orders(["batch-ready=delay:100ms"]))
    began = time.monotonic()
    await asyncio.gather(*(failpoints.hit_async("batch-ready") for _ in range(20)))
    assert 0.09 < time.monotonic() - began < 1


async def test_a_hang_never_goes_on() -> None:
    failpoints.arm(orders(["batch-ready=hang"]))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(failpoints.hit_async("batch-ready"), 0.1)


def test_a_kill_is_said_before_it_happens() -> None:
    program = (
        "from agents import failpoints; from schemas.failpoints import orders; "
        "failpoints.arm(orders(['rows-set=kill@2'])); [failpoints.hit('rows-set') for _ in range(3)]"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert done.stderr.startswith("failpoint rows-set: kill at pass 2, ")


def test_the_page_has_every_failpoint_and_every_action() -> None:
    assert tables(PAGE.read_text()) == generated(), "run: python -m tests.failpoints_page"


@pytest.mark.parametrize("command", commands("run: 2", PAGE), ids=lambda command: command.line)
def test_a_command_of_the_page_is_refused_as_it_says(command: object, tmp_path: object) -> None:
    assert shell(command.line, tmp_path, CLEAN) == (2, command.prints)  # type: ignore[attr-defined,arg-type]


async def _pass(name: str) -> None:
    await failpoints.hit_async(name)
