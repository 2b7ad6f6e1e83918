"""One HTTP request until it is settled: what is sent, what comes back, where it stands."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from schemas.workflow import Auth, NoAuth, Retry, Tls

Kind: TypeAlias = Literal["node", "webhook"]


class Secret(Struct, frozen=True, tag="secret"):
    """A reference to a secret; its value is looked up when the request is sent, never before."""

    name: str


Text: TypeAlias = tuple[str | Secret, ...]
"""Rendered text with secrets still as references, so that data which merely looks like
`{{ secrets.X }}` is never resolved."""


class Keep(Struct, frozen=True, omit_defaults=True):
    """Which parts of a reply later templates, conditions or `extract` name; the rest is not kept."""

    headers: tuple[str, ...] = ()
    body: bool = False
    extract: dict[str, str] = {}


class Request(Struct, frozen=True, omit_defaults=True):
    """A rendered request, kept once and sent byte-identical on every attempt.

    `headers` hold what the document and the content type ask for, and the constant postcall ones;
    what differs by attempt (timestamp, signature, attempt number) is added when it is sent.
    """

    method: str
    url: Text
    headers: tuple[tuple[str, Text], ...]
    body: bytes
    timeout: timedelta
    retry: Retry
    auth: Auth = NoAuth()
    """Its fields are templates of secrets and constants only, rendered as `auth_texts`."""
    auth_texts: dict[str, Text] = {}
    secrets: tuple[Text, ...] = ()
    x_signature: bool = False
    retry_ambiguous: bool = True
    redirects: bool = False
    rate: float | None = None
    tls: Tls = Tls()
    keep: Keep = Keep()


class Answered(Struct, frozen=True, omit_defaults=True, tag="answered"):
    """The endpoint answered. `body` is what `Keep` asked for (a JSON value or text), None if nothing
    or if it was cut or late (`complete` False)."""

    status: int
    headers: dict[str, str] = {}
    body: Any = None
    extracted: dict[str, Any] = {}
    complete: bool = True
    retry_after: float | None = None
    """Seconds, already parsed from Retry-After and capped; None when absent or garbage."""
    control: str | None = None
    """The receiver's `webhook-delivery` header: `disable` or `abort-message`."""


class Silence(Struct, frozen=True, omit_defaults=True, tag="silence"):
    """No usable answer. `error` is from a closed list, `stage` says how far the request got."""

    error: str
    stage: Literal["before", "unsent", "sent"]
    """before: ours, nothing was tried · unsent: no byte of the request left · sent: it may have
    been processed."""


Reply: TypeAlias = Answered | Silence


class Class(StrEnum):
    """What a reply means (the table of 3-delivery.md)."""

    SUCCESS = "success"
    OVERLOADED = "overloaded"
    TRANSIENT = "transient"
    UNSENT = "unsent"
    AMBIGUOUS = "ambiguous"
    AUTH = "auth"
    REJECTED = "rejected"
    GONE = "gone"
    ABORTED = "aborted"
    OURS = "ours"


class State(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    """Its parents in the chain are not final."""
    UNREADY = "unready"
    """The data that it uses is not there yet."""
    STARTED = "started"
    """An attempt is to be made, or under way."""
    PARKED = "parked"
    """The next attempt has its time."""
    DONE = "done"
    DEAD = "dead"
    SKIPPED = "skipped"
    ERASED = "erased"
    """Cancelled because its call was erased."""


FINAL = frozenset({State.DONE, State.DEAD, State.SKIPPED, State.ERASED})


class Attempted(Struct, frozen=True, array_like=True):
    """One attempt as it went: when, for how long, what came back, what that means."""

    at: datetime
    seconds: float
    status: int | None
    error: str | None
    class_: Class


class Delivery(Struct, frozen=True, omit_defaults=True):
    """One request of one call, from its plan to its end.

    `id` is the node id or the webhook event type; `delivery_id` is the `webhook-id` header, a hash
    of the delivery key (R18). `attempt` counts from 1 and is the one to make, under way, or last made.
    """

    kind: Kind
    id: str
    delivery_id: str
    incarnation: int
    state: State
    planned_at: datetime
    agent_id: str = ""
    name: str = ""
    attempt: int = 0
    due: datetime | None = None
    """UNREADY: the ready deadline. PARKED: when to try again. STARTED: until when a former owner's
    announced attempt is waited for (None: start it)."""
    endpoint: str = ""
    """scheme://host:port, as records show it."""
    method: str = ""
    request: int | None = None
    """The number of the rendered request among the call's request parts."""
    response: int | None = None
    """The number of what was kept of its reply, among the incarnation's answer parts."""
    attempts: tuple[Attempted, ...] = ()
    why: str | None = None
    """Of a skipped or dead one: the reason, from a closed list."""
    fault: str | None = None
    """Of a dead one: what was wrong, in our words."""
    missing: tuple[str, ...] = ()
    """Of one that could not be rendered: the path that was missing."""
    after: tuple[str, ...] = ()
    """The ids of its parents in the chain."""
    replay: bool = False
    """An operator's replay set it off: it was given up before, or hangs on what was."""
    spent: int = 0
    """How many attempts were made before the replay: its schedule begins again behind them."""
    decision_at: datetime | None = None
    """The call's decision, from which `end_to_delivery` is measured; None for event webhooks
    (then `planned_at`)."""

    @property
    def settled(self) -> bool:
        """Nothing more will happen to it."""
        return self.state in FINAL

    @property
    def fresh(self) -> tuple[Attempted, ...]:
        """The attempts of the schedule that it follows now: those since its replay, else all."""
        return self.attempts[self.spent :]
