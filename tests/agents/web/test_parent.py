"""Several workers behind one port look like one: sums, the worst of ages, ready when all are."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from prometheus_client.parser import text_string_to_metric_families

from agents.metrics import Metrics
from agents.web.merge import Totals
from agents.web.parent import ParentDoors
from agents.web.server import WebServer
from tests.agents.web.test_server import ask


def scrape(events: int = 0, lag: float = 0.0, ready: float = 1.0, seconds: tuple[float, ...] = ()) -> bytes:
    """What one worker exposes."""
    metrics = Metrics()
    for _ in range(events):
        metrics.events("applied")
    for each in seconds:
        metrics.lane_wait(each)
    metrics.watch("event_lag", lambda: lag)
    metrics.watch("ready", lambda: ready)
    return metrics.exposition()


def value(text: bytes, name: str, **labels: str) -> float:
    """One sample of a scrape."""
    families = text_string_to_metric_families(text.decode())
    found = [
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    assert len(found) == 1
    return found[0]


def applied(text: bytes) -> float:
    return value(text, "postcall_events_total", result="applied")


def test_counts_are_summed_and_ages_are_the_worst() -> None:
    merged = Totals().exposition({0: scrape(events=2, lag=7.0), 1: scrape(events=3, lag=1.0, ready=0.0)}, 2)
    assert applied(merged) == 5
    assert value(merged, "postcall_event_lag_seconds") == 7
    assert value(merged, "postcall_ready") == 0


def test_histograms_are_summed_bucket_by_bucket() -> None:
    merged = Totals().exposition({0: scrape(seconds=(0.004, 3.0)), 1: scrape(seconds=(0.004,))}, 2)
    assert value(merged, "postcall_lane_wait_seconds_bucket", le="0.005") == 2
    assert value(merged, "postcall_lane_wait_seconds_bucket", le="+Inf") == 3
    assert value(merged, "postcall_lane_wait_seconds_count") == 3


def test_a_merged_scrape_has_the_families_and_series_of_a_single_one() -> None:
    def shape(text: bytes) -> set[str]:
        own = [line for line in text.decode().splitlines() if "process_" not in line]
        return {line if line.startswith("#") else line.rsplit(" ", 1)[0] for line in own}

    assert shape(Totals().exposition({0: scrape(), 1: scrape()}, 2)) == shape(scrape())


def test_a_child_that_started_again_does_not_make_the_sum_fall() -> None:
    totals = Totals()
    assert applied(totals.exposition({0: scrape(events=10), 1: scrape(events=1)}, 2)) == 11
    assert applied(totals.exposition({0: scrape(events=2), 1: scrape(events=1)}, 2)) == 13
    assert applied(totals.exposition({0: scrape(events=1), 1: scrape(events=1)}, 2)) == 14


def test_a_child_that_is_away_keeps_its_counts_and_loses_its_gauges() -> None:
    totals = Totals()
    totals.exposition({0: scrape(events=4, lag=9.0), 1: scrape(events=1, lag=2.0)}, 2)
    merged = totals.exposition({1: scrape(events=1, lag=2.0)}, 2)
    assert applied(merged) == 5
    assert value(merged, "postcall_event_lag_seconds") == 2
    assert value(merged, "postcall_ready") == 0


@asynccontextmanager
async def family(
    *unready: list[str], stuck: bool = False, away: bool = False, draining: bool = False
) -> AsyncIterator[str]:
    """A parent and a child for each list of reasons; `away` adds one that does not answer."""
    async with AsyncExitStack() as stack:
        ports = []
        for reasons in unready:
            child = WebServer(Metrics().exposition, lambda why=reasons: why, lambda: ["stuck"] * stuck)
            ports.append(await child.start("127.0.0.1", 0))
            stack.push_async_callback(child.stop)
        if away:
            gone = WebServer(Metrics().exposition, list, list)
            ports.append(await gone.start("127.0.0.1", 0))
            await gone.stop()
        parent = ParentDoors(lambda: ports, lambda: draining)
        port = await parent.start("127.0.0.1", 0)
        stack.push_async_callback(parent.stop)
        yield f"http://127.0.0.1:{port}"


async def test_the_parent_is_ready_when_all_children_are() -> None:
    async with family([], []) as url:
        assert await ask(f"{url}/readyz") == (200, "ok\n")
    async with family([], ["recovering"]) as url:
        assert await ask(f"{url}/readyz") == (503, "worker 1: recovering\n")


async def test_a_parent_that_was_told_to_stop_is_not_ready_before_any_child_knows_it() -> None:
    async with family([], draining=True) as url:
        assert await ask(f"{url}/readyz") == (503, "stopping: the workers were told to\n")
        assert await ask(f"{url}/livez") == (200, "ok\n")


async def test_a_child_that_does_not_answer_is_not_ready_but_no_reason_to_kill_them_all() -> None:
    async with family([], away=True) as url:
        assert await ask(f"{url}/readyz") == (503, "worker 1: it does not answer\n")
        assert await ask(f"{url}/livez") == (200, "ok\n")


async def test_a_stuck_child_fails_the_parent_s_liveness() -> None:
    async with family([], stuck=True) as url:
        assert await ask(f"{url}/livez") == (503, "worker 0: stuck\n")


async def test_one_scrape_of_the_parent_has_all_children_in_it() -> None:
    async with family([], [], away=True) as url:
        status, text = await ask(f"{url}/metrics")
        assert status == 200
        assert value(text.encode(), "postcall_build_info", version="0.1.0") == 1
        assert value(text.encode(), "process_open_fds") > 0
