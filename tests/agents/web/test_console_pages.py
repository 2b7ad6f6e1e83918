"""What the pages say, and that nothing that comes from outside becomes part of them."""

from pathlib import Path

import pytest

from agents.web.console import app
from agents.web.console.rendering import _ENVIRONMENT
from tests.agents.web.consoles import TOKEN, Served, console, letter, line, outcome, window

HOSTILE = "<script>alert(1)</script>\"'&"
WORKFLOW = {
    "kind": "workflow",
    "id": "support",
    "version": 1,
    "nodes": [
        {"id": "greet", "type": "default", "start": True},
        {"id": "done", "type": "end_call"},
        {"id": "crm", "type": "post_call_api", "url": "https://crm.example.com/", "name": HOSTILE},
    ],
    "edges": [{"source": "greet", "target": "done"}, {"source": "done", "target": "crm"}],
}


async def text_of(served: Served, path: str, status: int = 200) -> str:
    answer = await served.ask(path, Authorization=f"Bearer {TOKEN}")
    assert answer.status == status, answer.text
    return answer.text


@pytest.mark.parametrize("page", [each.name for each in (Path(app.__file__).parent / "pages").glob("*.html")])
def test_every_template_can_be_read_and_holds_neither_script_nor_style(page: str) -> None:
    source = _ENVIRONMENT.get_template(page).full_name()
    text = (Path(app.__file__).parent / "pages" / source).read_text()
    assert "style=" not in text
    assert "<script>" not in text
    assert " on" + "click" not in text


async def test_calls_are_filtered_and_paged() -> None:
    many = window(
        *(("call-outcomes", outcome(f"c-{number:03}")) for number in range(60)),
        ("call-outcomes", outcome("odd", "PREMATURE", "R4", reason="caller_hangup")),
    )
    async with console(many) as served:
        first = await text_of(served, "/")
        assert ("odd" in first, "c-059" in first, "c-000" in first) == (True, True, False)
        assert "c-000" in await text_of(served, "/?page=2")
        for asked in ("verdict=PREMATURE", "rule=R4", "text=ODD", "text=hangup"):
            found = await text_of(served, f"/?{asked}")
            assert (">odd<" in found, ">c-001<" in found) == (True, False)
        assert "1h" not in await text_of(served, "/?agent=nobody")
        assert "expected a time" in await text_of(served, "/?since=soon", 400)
        assert "/call?id=c-9999" in await text_of(served, "/?text=c-9999")


async def test_hostile_data_is_shown_as_it_is_and_does_nothing() -> None:
    hostile = window(
        (
            "call-outcomes",
            outcome(HOSTILE, reason=HOSTILE, agent_id=HOSTILE, flags=[HOSTILE], end_node_id=HOSTILE),
        ),
        ("delivery-log", line(HOSTILE, "transient", error=HOSTILE, endpoint=f"https://{HOSTILE}")),
        ("dead-letters", letter(HOSTILE, why=HOSTILE, id=HOSTILE)),
    )
    async with console(hostile, [WORKFLOW]) as served:
        paths = (
            "/",
            f"/?text={HOSTILE}",
            "/endpoints",
            "/dead-letters",
            "/workflow?id=support",
            "/workflows",
        )
        for path in paths:
            text = await text_of(served, path.replace("&", "%26"))
            assert "<script>alert" not in text
            if path != "/workflows":
                assert "&lt;script&gt;" in text
        assert "<script>alert" not in await text_of(served, "/workflow?id=<script>alert(1)</script>", 404)


async def test_endpoints_show_health_and_latency_of_their_last_attempts() -> None:
    seen = window(
        ("call-outcomes", outcome("c")),
        *(("delivery-log", line("c", seconds=0.1 * n)) for n in range(1, 11)),
        ("delivery-log", line("c", "transient", endpoint="https://down.example.com", status=503)),
    )
    async with console(seen) as served:
        text = await text_of(served, "/endpoints")
        assert text.index("down.example.com") < text.index("crm.example.com")
        assert 'health failing">failing' in text
        assert 'health well">well' in text
        assert "600 ms" in text
        assert "503, transient" in text
        assert "bot/crm" in text


async def test_a_page_that_is_not_there_is_named() -> None:
    async with console() as served:
        assert "found no page" in await text_of(served, "/nope", 404)
        assert "found no workflow" in await text_of(served, "/workflow?id=x&version=2", 404)
        assert "found a call id of 0 bytes" in await text_of(served, "/call", 400)
