"""The client that requests go out through, as the settings want it: a worker's and `postcall send-test`'s."""

from agents.http.client import Client
from agents.http.guard import Guard
from agents.http.proxy import Proxy, read_proxy
from agents.http.transport import GuardedTransport
from schemas.settings import Settings
from streams.egress import egress


def open_client(settings: Settings) -> Client:
    """A client behind the guard. Raises ValueError for an entry of `egress_allow` that cannot be read."""
    return Client(GuardedTransport(Guard(egress(settings.egress_allow)), _proxy(settings)))


def no_longer_promised(settings: Settings) -> str | None:
    """What a proxy takes away from the guard's promise, in a sentence; None without one."""
    proxy = _proxy(settings)
    if proxy is None:
        return None
    return (
        f"requests go through the proxy {proxy.host}:{proxy.port}, which looks names up itself: that they lead"
        " to public addresses is not checked here, only addresses that are written out are"
    )


def _proxy(settings: Settings) -> Proxy | None:
    return None if settings.proxy is None else read_proxy(settings.proxy.get_secret_value())
