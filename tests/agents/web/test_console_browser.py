"""The console in a real browser: quick, of use to everybody, on small screens, in light and dark."""

import pytest

from streams.console.window import Window
from tests.agents.web.consoles import TOKEN, console, letter, line, outcome, window
from tests.agents.web.test_console_pages import HOSTILE, WORKFLOW
from tests.browsing import browser, faults_of_access, overflow, page

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]

PATHS = ("/", "/workflows", "/workflow?id=support", "/endpoints", "/dead-letters", "/nope")


def some() -> Window:
    return window(
        *(
            ("call-outcomes", outcome(f"call-{number}", flags=["closing_interrupted"]))
            for number in range(60)
        ),
        ("call-outcomes", outcome(HOSTILE, "NOT_CONNECTED", "R10", reason=HOSTILE)),
        ("call-outcomes", outcome("a-call-id-without-any-place-to-break" * 3, "TRANSFERRED", "R6")),
        ("delivery-log", line("call-1", "transient", error="timeout")),
        ("dead-letters", letter("call-1", why=HOSTILE)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_page_is_accessible_fits_and_runs_nothing_foreign(scheme: str) -> None:
    complaints: list[str] = []
    async with console(some(), [WORKFLOW]) as served, browser() as started:
        for width in (360, 1280):
            size = {"width": width, "height": 800}
            async with page(started, complaints, viewport=size, color_scheme=scheme) as shown:
                await shown.goto(served.url)
                assert await faults_of_access(shown) == []
                await shown.get_by_label("Token").fill(TOKEN)
                await shown.get_by_role("button", name="Log in").click()
                for path in PATHS:
                    await shown.goto(f"{served.url}{path}")
                    assert await faults_of_access(shown) == [], path
                    assert await overflow(shown) <= 0, path
    # A page that asks for the token, or is not there, is answered with 401 or 404, and the browser says so.
    assert [each for each in complaints if "status of 40" not in each] == []


async def test_ten_thousand_calls_are_painted_within_a_second() -> None:
    many = window(*(("call-outcomes", outcome(f"call-{number}")) for number in range(10_000)))
    async with console(many) as served, browser() as started, page(started, []) as shown:
        await shown.goto(f"{served.url}/?token={TOKEN}")
        painted = []
        for _ in range(3):
            await shown.goto(f"{served.url}/?text=call")
            painted.append(
                await shown.evaluate(
                    "new Promise(done => new PerformanceObserver(list => done(list.getEntries()[0].startTime))"
                    ".observe({type: 'paint', buffered: true}))"
                )
            )
        print(f"first paint with 10,000 calls: {', '.join(f'{each:.0f} ms' for each in painted)}")
        assert min(painted) < 1000


async def test_a_page_fills_itself_and_leaves_alone_what_somebody_writes() -> None:
    known = some()
    async with console(known) as served, browser() as started, page(started, []) as shown:
        await shown.goto(f"{served.url}/?token={TOKEN}")
        await shown.get_by_label("Text").fill("half a wo")
        known.take("call-outcomes", outcome("the-newest"))
        await shown.wait_for_timeout(3000)
        assert await shown.get_by_label("Text").input_value() == "half a wo"
        await shown.get_by_label("Text").blur()
        await shown.get_by_role("link", name="the-newest").wait_for(timeout=10_000)


async def test_without_javascript_everything_is_there_but_the_refreshing() -> None:
    async with (
        console(some()) as served,
        browser() as started,
        page(started, [], java_script_enabled=False) as shown,
    ):
        await shown.goto(served.url)
        await shown.get_by_label("Token").fill(TOKEN)
        await shown.get_by_role("button", name="Log in").click()
        await shown.get_by_label("Verdict").select_option("TRANSFERRED")
        await shown.get_by_role("button", name="Filter").click()
        assert await shown.locator("tbody tr").count() == 1
        await shown.get_by_role("button", name="Log out").click()
        assert await shown.get_by_label("Token").count() == 1
