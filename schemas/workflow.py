"""The customer's documents as the engine uses them: workflows, voice agents, their webhooks.

`schemas/documents/reading.py` reads them from YAML or JSON and refuses what is wrong; a value of these
types is already valid, with every default filled in.
"""

from datetime import timedelta
from typing import Any, Literal, TypeAlias

from msgspec import Struct

On: TypeAlias = Literal["success", "failure", "always"]
Missing: TypeAlias = Literal["empty", "null", "omit", "error"]

CONVERSATION, END_CALL, POST_CALL_API = "conversation", "end_call", "post_call_api"


class NoAuth(Struct, frozen=True, tag="none"):
    """The request carries no credentials."""


class Bearer(Struct, frozen=True, tag="bearer"):
    """`Authorization: Bearer TOKEN`; the token is a template, usually one secret."""

    token: str


class Basic(Struct, frozen=True, tag="basic"):
    """`Authorization: Basic …`."""

    username: str
    password: str


class ApiKey(Struct, frozen=True, tag="api_key"):
    """A named key in a header or in the query."""

    name: str
    value: str
    place: Literal["header", "query"] = "header"


class HmacAuth(Struct, frozen=True, tag="hmac"):
    """A hex HMAC of the raw body in a header of the customer's choosing."""

    secret: str
    header: str
    algorithm: str = "sha256"


class OAuth2(Struct, frozen=True, tag="oauth2_client_credentials"):
    """A bearer token fetched with client credentials (RFC 6749, 4.4)."""

    token_url: str
    client_id: str
    client_secret: str
    scope: str | None = None
    audience: str | None = None


class Mtls(Struct, frozen=True, tag="mtls"):
    """A client certificate."""

    cert: str
    key: str
    ca: str | None = None


Auth: TypeAlias = NoAuth | Bearer | Basic | ApiKey | HmacAuth | OAuth2 | Mtls


class Schedule(Struct, frozen=True, tag="schedule"):
    """Fixed waits between attempts, each ±20 %; one attempt more than there are waits."""

    waits: tuple[timedelta, ...]


class Backoff(Struct, frozen=True, tag="backoff"):
    """Exponential full jitter: wait n is luck × min(cap, base × 2ⁿ).

    `budget` ends retries of a whole chain; every node of it still gets one attempt.
    """

    attempts: int
    base: timedelta
    cap: timedelta
    budget: timedelta | None = None


Retry: TypeAlias = Schedule | Backoff


class Test(Struct, frozen=True):
    """One comparison of a condition: `path op value`."""

    path: str
    op: str
    value: Any = None


class When(Struct, frozen=True):
    """A condition: all (or any) of its tests hold. Tests may be conditions themselves."""

    mode: Literal["all", "any"]
    tests: tuple["Test | When", ...] = ()


class Tls(Struct, frozen=True):
    """What an endpoint's certificate is checked against."""

    ca: str | None = None
    insecure: bool = False


class Sending(Struct, frozen=True, omit_defaults=True):
    """What Post Call API nodes and webhooks have in common: where to, and how insistently."""

    url: str
    retry: Retry
    method: str = "POST"
    headers: dict[str, str] = {}
    auth: Auth = NoAuth()
    timeout: timedelta = timedelta(seconds=15)
    secrets: tuple[str, ...] = ()
    """Signing keys (templates); all of them sign. Empty: the request is not signed."""
    x_signature: bool = False
    retry_ambiguous: bool = True
    redirects: bool = False
    rate: float | None = None
    tls: Tls = Tls()


class Node(Struct, frozen=True, omit_defaults=True):
    """A box in the workflow. `type` is one of CONVERSATION, END_CALL, POST_CALL_API here;
    `kind` is what the document called it."""

    id: str
    type: str
    kind: str = ""
    name: str = ""
    sending: Sending | None = None
    """Of a Post Call API node, and of no other."""
    body: Any = None
    """A JSON value whose leaf strings are templates, or one text template; None sends no body."""
    when: When | None = None
    needs: tuple[str, ...] | None = None
    """What to wait for when stated; None: computed from the templates."""
    missing: Missing | None = None
    extract: dict[str, str] = {}


class Edge(Struct, frozen=True, omit_defaults=True):
    """An arrow of the workflow; `on` counts only between Post Call API nodes."""

    source: str
    target: str
    on: On = "success"


class Workflow(Struct, frozen=True, omit_defaults=True):
    """One version of a workflow: immutable once applied."""

    id: str
    version: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()
    name: str = ""
    proper_end: Literal["reached", "spoken"] = "reached"
    transfer_policy: Literal["first", "end_node"] = "first"
    voicemail_policy: Literal["premature", "end_node"] = "premature"
    test_calls: Literal["run", "skip"] = "run"
    ready_deadline: timedelta | None = None
    """None: the worker's POSTCALL_READY_DEADLINE."""

    def node(self, node_id: str) -> Node | None:
        """The node of that id, or None where this workflow does not know it."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        return None


class VoiceAgent(Struct, frozen=True, omit_defaults=True):
    """The customer's voice agent: which workflow it follows, which webhooks it subscribed."""

    id: str
    name: str = ""
    workflow: str | None = None
    webhooks: dict[str, Sending] = {}
    """By canonical webhook event type."""
    timezone: str = "UTC"
    privacy: dict[str, tuple[str, ...]] = {}
    egress: tuple[str, ...] = ()
