"""A real browser: the Chromium of this machine, driven by Playwright; axe-core looks for faults of access."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright

_AXE = (Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js").read_text()
_BAD = ("serious", "critical")


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A browser of its own, ended with the block."""
    async with async_playwright() as play:
        started = await play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        try:
            yield started
        finally:
            await started.close()


@asynccontextmanager
async def page(among: Browser, complaints: list[str], **options: Any) -> AsyncIterator[Page]:
    """A page with nothing remembered; what its console says is noted."""
    context = await among.new_context(**options)
    opened = await context.new_page()
    opened.on(
        "console",
        lambda said: (
            complaints.append(f"{said.type}: {said.text}") if said.type in ("error", "warning") else None
        ),
    )
    opened.on("pageerror", lambda fault: complaints.append(str(fault)))
    try:
        yield opened
    finally:
        await context.close()


async def faults_of_access(shown: Page) -> list[str]:
    """What axe-core finds serious or worse."""
    await shown.evaluate(_AXE)
    found = await shown.evaluate("axe.run()")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}"
        for one in found["violations"]
        if one["impact"] in _BAD
    ]


async def overflow(shown: Page) -> int:
    """Pixels by which a page is wider than its window."""
    return int(await shown.evaluate("document.documentElement.scrollWidth - innerWidth"))
