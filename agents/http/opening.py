"""The client that requests go out through, as the settings want it: a worker's and `postcall send-test`'s."""

from agents.http.client import Client
from agents.http.guard import Guard
from agents.http.transport import GuardedTransport
from schemas.settings import Settings
from streams.egress import egress


def open_client(settings: Settings) -> Client:
    """A client behind the guard. Raises ValueError for an entry of `egress_allow` that cannot be read."""
    return Client(GuardedTransport(Guard(egress(settings.egress_allow))))
