"""The console's routes behind a port: each request goes by the guard, then aside, and comes back as a page."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from agents.web.console.answering import NotThere, Pages
from agents.web.console.aside import Aside
from agents.web.console.feed import Feed
from agents.web.console.guard import COOKIE, FORM_KEY, Guard, Refused
from agents.web.console.rendering import STATIC, render
from schemas.settings import Settings

log = logging.getLogger(__name__)

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer: under it browsers say `Origin: null` of our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATIC_FILES: Final = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.Response]]
Answer: TypeAlias = tuple[int, str]


class Console:
    """The console of one port. `mount` puts its routes into an application; `stop` ends what it began."""

    def __init__(self, settings: Settings, feed: Feed | None = None) -> None:
        self._guard = Guard(settings)
        self._aside = Aside("console")
        self._pages = Pages(settings, feed or Feed(settings))

    def mount(self, application: web.Application) -> None:
        """Serve every path that nobody else serves."""
        router = application.router
        for name in STATIC_FILES:
            router.add_get(f"/static/{name}", self._guarded(_static(name), open_to_all=True))
        router.add_post("/login", self._guarded(self._login, open_to_all=True))
        router.add_post("/logout", self._guarded(self._logout))
        router.add_get("/revision", self._guarded(self._revision))
        for path in ("/dead-letters/replay", "/endpoints/resume"):
            router.add_post(path, self._guarded(self._act))
        router.add_get("/{path:.*}", self._guarded(self._page))

    async def stop(self) -> None:
        """Let go of the window and its reader."""
        await self._aside.stop()

    def _guarded(self, handler: Handler, open_to_all: bool = False) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            try:
                self._guard.look_at_host(request)
                if request.method == "POST":
                    self._guard.look_at_origin(request)
                if "token" in request.query and request.method == "GET" and not open_to_all:
                    made = self._by_link(request)
                else:
                    if not open_to_all:
                        self._guard.look_at_token(request)
                    made = await handler(request)
            except Refused as why:
                made = self._refusal(request, why)
            made.headers.update({name: text for name, text in HEADERS.items() if name not in made.headers})
            return made

        return answer

    # -- in and out

    def _by_link(self, request: web.Request) -> web.Response:
        """`?token=` once: whoever shows it gets a cookie, and an address without it."""
        if not self._guard.asks_for_token:
            self._guard.look_at_token(request)
        elif not self._guard.knows(request.query["token"]):
            raise Refused(401, "found another token than the console's", login=True)
        kept = [(name, text) for name, text in request.query.items() if name != "token"]
        return self._admitted(request, request.path + (f"?{urlencode(kept)}" if kept else ""))

    async def _login(self, request: web.Request) -> web.Response:
        form = await _form(request)
        if not self._guard.knows(form.get("token", "")):
            raise Refused(401, "found another token than the console's", login=True)
        return self._admitted(request, _local(form.get("next", "/")))

    def _admitted(self, request: web.Request, to: str) -> web.Response:
        answer = web.Response(status=303, headers={"Location": _local(to)})
        if self._guard.asks_for_token:
            self._guard.admit(request, answer)
        return answer

    async def _logout(self, request: web.Request) -> web.Response:
        self._guard.look_at_form(request, (await _form(request)).get(FORM_KEY, ""))
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.del_cookie(COOKIE, path="/")
        return answer

    def _refusal(self, request: web.Request, why: Refused) -> web.Response:
        to = request.path_qs if request.method == "GET" and "token" not in request.query else "/"
        asked = self._guard.asks_for_token and why.login
        page = "login" if asked else "refused"
        told = (
            "" if why.status == 401 and request.method == "GET" and "token" not in request.query else why.why
        )
        text = render(page, {"why": told, "next": _local(to), "title": "Log in" if asked else "Refused"})
        headers = {"WWW-Authenticate": 'Bearer realm="postcall"'} if why.status == 401 else {}
        return web.Response(text=text, status=why.status, content_type="text/html", headers=headers)

    # -- pages

    async def _revision(self, request: web.Request) -> web.Response:
        return web.json_response({"revision": await self._aside.run(self._pages.revision())})

    async def _page(self, request: web.Request) -> web.Response:
        around = self._around(request)
        return await self._made(self._pages.page(request.path, dict(request.query), around))

    async def _act(self, request: web.Request) -> web.Response:
        form = await _form(request)
        self._guard.look_at_form(request, form.get(FORM_KEY, ""))
        fields = [(name, str(text)) for name, text in (await request.post()).items() if name != FORM_KEY]
        return await self._made(self._pages.act(request.path, fields, self._around(request)))

    def _around(self, request: web.Request) -> dict[str, Any]:
        """What every page has: the place in the menu, the key of its forms."""
        return {
            "path": request.path,
            "form_key": self._guard.form_key(request),
            "may_leave": self._guard.asks_for_token,
        }

    async def _made(self, work: Any) -> web.Response:
        try:
            status, text = await self._aside.run(work)
        except NotThere as fault:
            status, text = 404, render("refused", {"why": str(fault), "title": "Not found"})
        except (asyncio.CancelledError, ConnectionError):
            raise
        return web.Response(text=text, status=status, content_type="text/html")


async def _form(request: web.Request) -> Mapping[str, str]:
    return {name: str(text) for name, text in (await request.post()).items()}


def _local(to: str) -> str:
    """An address of our own, whatever was asked for: nobody is sent elsewhere."""
    parts = urlsplit(to)
    own = not parts.scheme and not parts.netloc and to.startswith("/") and not to.startswith(("//", "/\\"))
    return to if own and to.isprintable() else "/"


def _static(name: str) -> Handler:
    body, kind = (STATIC / name).read_bytes(), STATIC_FILES[name]

    async def answer(_: web.Request) -> web.Response:
        return web.Response(
            body=body, content_type=kind, charset="utf-8", headers={"Cache-Control": "max-age=300"}
        )

    return answer
