"""Try the mutations: `python -m tests.mutations [NAME…] [--level L0] [--jobs 2] [--list] [--markdown]`.

Before the breaks come, every test that is asked must pass on an unbroken copy: a test that fails anyway catches
nothing. Exits 1 when a mutation was not caught.
"""

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import NoReturn

from tests.mutations.listed import MUTATIONS
from tests.mutations.mutation import Mutation
from tests.mutations.running import PROGRAMS, asked, copied, tried
from tests.mutations.table import markdown, row
from tests.system.brokers import open_broker


def main(words: Sequence[str] | None = None) -> int:
    """Do what is asked, and return the exit status."""
    asked_for = _parser().parse_args(words)
    if asked_for.markdown:
        print(markdown(MUTATIONS), end="")
        return 0
    chosen = _chosen(asked_for.names, asked_for.level)
    if asked_for.list:
        for mutation in chosen:
            print(f"{mutation.level} {mutation.invariant:3} {mutation.name}")
        return 0
    with _one_broker(chosen):
        return 0 if _pass_unbroken(chosen) and _all_caught(chosen, asked_for.jobs) else 1


@contextmanager
def _one_broker(chosen: list[Mutation]) -> Iterator[None]:
    """A real Kafka that all runs share, where one of them needs it; starting it takes longer than most tests."""
    with ExitStack() as owner:
        if any(one.level == "L2" for one in chosen):
            served = open_broker(owner, os.environ)
            if not served.real:
                sys.exit(
                    f"found no real Kafka ({'; '.join(served.passed_over)}); L2 needs one: try --level L1"
                )
            os.environ["POSTCALL_TEST_BROKER"] = served.bootstrap
        yield


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only mutations with this in their name")
    parser.add_argument("--level", choices=("L0", "L1", "L2"), help="only those of this level")
    parser.add_argument("--jobs", type=int, default=2, help="how many to try at a time")
    parser.add_argument("--list", action="store_true", help="say which there are, and try none")
    parser.add_argument("--markdown", action="store_true", help="print the table of docs/mutations.md")
    return parser


def _chosen(names: list[str], level: str | None) -> list[Mutation]:
    chosen = [
        one
        for one in MUTATIONS
        if level in (None, one.level) and (not names or any(name in one.name for name in names))
    ]
    if not chosen:
        sys.exit(f"found no mutation named {' or '.join(names)}; see --list")
    return chosen


def _pass_unbroken(chosen: list[Mutation]) -> bool:
    tests = list(dict.fromkeys(test for one in chosen for test in one.tests))
    with copied() as tree:
        code, failures = asked(tree, tests)
    for failure in failures:
        print(f"fails unbroken: {failure.test}: {failure.text[:2000]}")
    if code:
        print(f"without any mutation pytest ends with {code}; expected 0")
    return code == 0 and not failures


def _all_caught(chosen: list[Mutation], jobs: int) -> bool:
    missed = 0
    with ThreadPoolExecutor(jobs) as several:
        try:
            for mutation, outcome in zip(chosen, several.map(tried, chosen), strict=True):
                missed += outcome.verdict != "caught"
                print(row(mutation, outcome), flush=True)
        except BaseException:
            several.shutdown(wait=False, cancel_futures=True)
            PROGRAMS.end()
            raise
    print(f"mutations: {len(chosen)}; caught: {len(chosen) - missed}")
    return missed == 0


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """Unwind, so that copies, pytests and the broker go."""
    sys.exit(128 + number)


if __name__ == "__main__":
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, _leave)
    sys.exit(main())
