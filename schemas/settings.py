"""What an operator can set: one frozen value, read once, from `POSTCALL_…` variables.

A field `web_port` is the variable `POSTCALL_WEB_PORT` and the flag `--web-port`; a flag overrides. Secret
fields can be given as a file, too: `POSTCALL_WEB_TOKEN_FILE`. An empty variable counts as not set. The
docstring under a field is its help, here, in `postcall config` and in the README.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from schemas.adapters.platforms import tables
from schemas.destinations import EXPECTED as A_DESTINATION
from schemas.destinations import is_destination
from schemas.failpoints import orders
from schemas.spans import span

PREFIX: Final = "POSTCALL_"


def _span(found: Any) -> Any:
    return span(found) if isinstance(found, str) else found


def _listed(found: Any) -> Any:
    if not isinstance(found, str):
        return found
    return tuple(word for part in found.split(",") if (word := part.strip()))


def _destinations(found: tuple[str, ...]) -> tuple[str, ...]:
    wrong = [word for word in found if not is_destination(word)]
    if wrong:
        raise ValueError(f"found {', '.join(map(repr, wrong))}; expected each to be {A_DESTINATION}")
    return found


def _adapted(found: tuple[str, ...]) -> tuple[str, ...]:
    tables(found)
    return found


def _beginning(found: Any) -> Any:
    if not isinstance(found, str) or found in ("earliest", "latest"):
        return found
    try:
        at = datetime.fromisoformat(found)
    except ValueError as fault:
        raise ValueError("expected earliest, latest or a time such as 2026-01-02T03:04:05Z") from fault
    if at.tzinfo is None:
        raise ValueError("expected a time with its zone, such as 2026-01-02T03:04:05Z")
    return at.astimezone(UTC)


def _proxy(found: SecretStr | None) -> SecretStr | None:
    if found is None:
        return None
    try:
        parts = urlsplit(found.get_secret_value())
        usable = parts.scheme == "http" and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        usable = False
    if not usable or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("expected a proxy such as http://HOST:PORT or http://NAME:PASSWORD@HOST:PORT")
    return found


Span: TypeAlias = Annotated[timedelta, BeforeValidator(_span), Field(gt=timedelta(0))]
Patience: TypeAlias = Annotated[timedelta, BeforeValidator(_span), Field(ge=timedelta(0))]
"""A span that may be none at all."""
Words: TypeAlias = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Destinations: TypeAlias = Annotated[Words, AfterValidator(_destinations)]
Adapted: TypeAlias = Annotated[Words, AfterValidator(_adapted)]
Start: TypeAlias = Annotated[Literal["earliest", "latest"] | datetime, BeforeValidator(_beginning)]
Count: TypeAlias = Annotated[int, Field(ge=1)]

PUBLIC_TOPICS: Final = ("call-events", "workflows", "call-outcomes", "delivery-log", "dead-letters")

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")


class Settings(BaseSettings):
    """All settings of postcall with their defaults."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    broker: Annotated[str, Field(min_length=1)] = "127.0.0.1:9092"
    """Kafka's bootstrap servers, comma-separated."""
    app_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{1,100}$")] = "postcall"
    """Consumer group, and prefix of the internal and changelog topics."""
    topic_prefix: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]{0,100}$")] = ""
    """Put literally before call-events, workflows, call-outcomes, delivery-log and dead-letters."""
    partitions: Count = 8
    """Of topics that are created when absent; the count is fixed for an app id."""
    replication: Count | None = None
    """Copies of each partition of topics that are created; not set: the broker's default."""
    start: Start = "earliest"
    """Where a new consumer group begins: earliest, latest, or a time."""
    adapt: Adapted = ()
    """Topics of what voice platforms send, TOPIC=PLATFORM, comma-separated: workers make events of it."""
    instance_id: str | None = None
    """Static membership: a name that this worker keeps over restarts, such as its pod's."""
    data_dir: Path = Path(".postcall")
    """Where the worker keeps its copy of the table (RocksDB)."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to the broker."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How to log in to the broker, where the protocol is one of SASL's."""
    sasl_username: str | None = None
    """The name to log in to the broker with."""
    sasl_password: SecretStr | None = None
    """The password to log in to the broker with."""
    ssl_ca: Path | None = None
    """Certificates to check the broker's against; not set: the system's."""
    ssl_cert: Path | None = None
    """The worker's certificate for the broker."""
    ssl_key: Path | None = None
    """The key of the worker's certificate."""

    web_host: str = "127.0.0.1"
    """Address that /metrics, /livez, /readyz and the console listen on."""
    web_port: Annotated[int, Field(ge=0, le=65535)] = 6066
    """Port of the same; 0 takes a free one."""
    web_console: bool = True
    """Serve the console under /, beside /metrics, /livez and /readyz."""
    web_token: SecretStr | None = None
    """What the console asks for; without one it serves loopback only."""
    web_hosts: Words = LOOPBACK_NAMES
    """Host names that the console answers to."""

    egress_allow: Destinations = ()
    """CIDRs, addresses and host names that requests may go to beyond the public internet."""
    proxy: Annotated[SecretStr | None, AfterValidator(_proxy)] = None
    """An HTTP proxy for all requests, http://[NAME:PASSWORD@]HOST:PORT; what it looks up, no guard sees."""
    secrets_dir: Path | None = None
    """Where `{{ secrets.NAME }}` is a file NAME; POSTCALL_SECRET_NAME comes first."""
    privacy_key: SecretStr | None = None
    """Key of the hashes that an agent's `privacy: {hash: …}` leaves; without one they can be guessed."""

    session_timeout: Span = timedelta(seconds=20)
    """How long a worker may be silent before its partitions go to others."""
    grace: Patience = timedelta(seconds=3)
    """How long other evidence is waited for after a call's first terminal event (R14)."""
    clock_tolerance: Patience = timedelta(seconds=2)
    """How much later than the call's end a node event may say it happened (R14, R16)."""
    lost_queued: Span = timedelta(hours=24)
    """When a call that was only queued counts as lost (R12)."""
    lost_ringing: Span = timedelta(seconds=120)
    """When a call that was initiated or ringing counts as lost (R12)."""
    lost_live: Span = timedelta(seconds=3660)
    """When an answered call counts as lost (R12)."""
    lost_after_end_node: Span = timedelta(seconds=60)
    """When a call that reached an End Call node counts as lost (R12)."""
    upgrade_window: Span = timedelta(minutes=10)
    """How long after a verdict late evidence may still raise it (R15)."""
    ready_deadline: Span = timedelta(minutes=5)
    """How long a node waits after the verdict for a transcript, a recording, analytics."""
    remember: Span = timedelta(days=7)
    """How long settled calls are remembered, for dedupe and for replay (R18)."""
    drain: Patience = timedelta(seconds=20)
    """How long requests under way may take after SIGTERM; at least the longest time-out in force + 5 s."""
    commit_cycle: Span = timedelta(milliseconds=2)
    """How often changed rows go to the changelog; effects wait for it."""
    stuck_after: Span = timedelta(minutes=5)
    """How long there may be events and no progress before /livez fails and the worker exits."""

    standby: Annotated[int, Field(ge=0)] = 1
    """Workers that keep a warm copy of each partition's table."""
    slots: Count = 512
    """Attempts under way at once; one that runs over 1 s leaves its slot."""
    slow_slots: Count = 4096
    """Attempts under way at once that have run over 1 s."""
    cache_mib: Count = 192
    """Memory in MiB for the table's blocks, shared by all partitions."""
    embedded: bool = False
    """The broker is librdkafka's test cluster inside this machine: no topics by admin, no long fetches."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important line that is logged."""
    log_format: Literal["text", "json"] = "text"
    """text for people, json for log stores."""

    unsafe_testing: bool = False
    """Allow what only tests may do."""
    failpoints: Words = ()
    """Where a test makes this process fail, `NAME=ACTION[@PASS]`, comma-separated; refused without
    POSTCALL_UNSAFE_TESTING=1."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.failpoints and not self.unsafe_testing:
            raise ValueError(
                "found POSTCALL_FAILPOINTS without POSTCALL_UNSAFE_TESTING=1; expected none: they break the "
                "worker on purpose"
            )
        own = {self.topic(name) for name in PUBLIC_TOPICS} | {f"{self.app_id}-internal"}
        if taken := sorted(own.intersection(tables(self.adapt))):
            raise ValueError(
                f"POSTCALL_ADAPT: found {taken[0]!r}; expected a topic of a platform's, not of postcall's own"
            )
        try:
            orders(self.failpoints)
        except ValueError as fault:
            raise ValueError(f"POSTCALL_FAILPOINTS: {fault}") from None
        return self

    def topic(self, name: str) -> str:
        """The full name of a public topic: call-events, workflows, call-outcomes, delivery-log, dead-letters."""
        return self.topic_prefix + name


def variable(field: str) -> str:
    """The environment variable of a field."""
    return PREFIX + field.upper()


def flag(field: str) -> str:
    """The command-line flag of a field."""
    return "--" + field.replace("_", "-")


SECRET_FIELDS: Final = frozenset(
    name for name, field in Settings.model_fields.items() if SecretStr in get_args(field.annotation)
)
"""Fields that are shown as `set` or `not set`, and that can be given as a file."""
