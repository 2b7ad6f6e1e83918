"""`postcall verify`: the ledger over your own topics, judged by what others than the workers wrote down."""

import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaException

from agents.cli.exits import DONE, FAILED, BrokerUnreachable, CommandRefused, UsageRefused
from agents.cli.moments import moment
from agents.cli.output import print_json, print_line
from agents.ledger.documents import Documents, as_records, read_files
from agents.ledger.evidence import BadEvidence, load, save
from agents.ledger.gathering import Stretch, Topics, gather, narrowed, series, whole_since
from agents.ledger.judgement import Asked
from agents.ledger.oracle import judged
from agents.ledger.receiver_file import BadLine
from agents.ledger.report import as_value, report
from agents.ledger.rules import Rules
from agents.ledger.samples import read_samples
from agents.ledger.topics import NoBroker, NoTopics
from agents.ledger.witnesses import Record, Witnesses
from schemas.settings import Settings

_MARGIN_SECONDS: Final = 60.0
_SCRAPE_SECONDS: Final = 10.0

Run = tuple[Witnesses, tuple[Record, ...], Asked]


@dataclass(frozen=True, slots=True)
class Options:
    """What the flags say, as they were given."""

    receiver: Path | None = None
    documents: tuple[Path, ...] = ()
    metrics: tuple[str, ...] = ()
    logs: tuple[Path, ...] = ()
    samples: Path | None = None
    kills: str | None = None
    planted: Path | None = None
    call: str | None = None
    since: str | None = None
    slack: float = 60.0
    workers: int | None = None
    memory_mib: int | None = None
    save: Path | None = None
    evidence: Path | None = None


def run(options: Options, as_json: bool, settings: Settings) -> int:
    """Judge, and print what was found. The exit code: 0 when no invariant is broken, else 1."""
    planted = _lines(options.planted)
    if options.evidence is not None:
        witnesses, documents, asked = _kept(options.evidence)
    else:
        witnesses, definitions, asked = _gathered(options, settings)
        if options.save is not None:
            _save(options.save, witnesses, definitions, asked)
        documents = Documents.applied(definitions)
    judgement = judged(witnesses, documents, replace(asked, planted=planted))
    if as_json:
        print_json(as_value(judgement, witnesses))
    else:
        print_line(report(judgement, witnesses, "the ledger"))
    return FAILED if judgement.violations else DONE


def _kept(folder: Path) -> tuple[Witnesses, Documents, Asked]:
    try:
        return load(folder)
    except BadEvidence as fault:
        raise UsageRefused(str(fault)) from fault


def _save(folder: Path, witnesses: Witnesses, definitions: tuple[Record, ...], asked: Asked) -> None:
    try:
        save(folder, witnesses, definitions, asked)
    except OSError as fault:
        raise CommandRefused(f"--save {folder}: {fault.strerror}") from fault


def _gathered(options: Options, settings: Settings) -> Run:
    now = time.time()
    since = None if options.since is None else moment("--since", options.since, _utc(now)).timestamp()
    rules = _rules(settings, options.slack)
    # A call that is judged is seen whole: those that began before are seen in part, and known by that.
    earlier = None if since is None else since - rules.lost_live - _MARGIN_SECONDS
    stretch = Stretch(earlier, since, options.call)
    witnesses, definitions = _read(options, settings, stretch)
    witnesses = narrowed(witnesses, options.call, since, now)
    if since is None and options.call is None:
        since = whole_since(witnesses.events, rules.lost_live)
    samples, disturbances = _samples(options.samples)
    witnesses = replace(
        witnesses,
        scrapes=tuple(_scrape(url) for url in options.metrics),
        logs=_there(options.logs),
        kills=_kills(options.kills, now),
        samples=samples,
        disturbances=disturbances,
    )
    asked = Asked(
        undisturbed=bool(options.metrics) and options.call is None and since is None,
        among=None if options.call is None else frozenset({options.call}),
        since=since,
        now=now,
        rules=rules,
        workers=options.workers or len(options.metrics) or None,
        memory_bytes=None if options.memory_mib is None else options.memory_mib << 20,
    )
    if options.documents:
        definitions = _documents(options.documents)
    return witnesses, definitions, asked


def _read(options: Options, settings: Settings, stretch: Stretch) -> tuple[Witnesses, tuple[Record, ...]]:
    _there([options.receiver] if options.receiver else [])
    try:
        return gather(
            client(settings), _topics(settings, options.planted is not None), options.receiver, stretch
        )
    except NoBroker as fault:
        raise BrokerUnreachable(f"found no broker at {settings.broker}; expected Kafka there") from fault
    except KafkaException as fault:
        raise CommandRefused(f"the broker at {settings.broker} refused: {fault}") from fault
    except NoTopics as fault:
        raise CommandRefused(str(fault)) from fault
    except BadLine as fault:
        raise UsageRefused(str(fault)) from fault


def client(settings: Settings) -> dict[str, Any]:
    """How librdkafka reaches the broker of these settings."""
    password = settings.sasl_password
    known = {
        "bootstrap.servers": settings.broker,
        "security.protocol": settings.security_protocol,
        "ssl.ca.location": settings.ssl_ca,
        "ssl.certificate.location": settings.ssl_cert,
        "ssl.key.location": settings.ssl_key,
    }
    if settings.security_protocol.startswith("SASL_"):
        known |= {
            "sasl.mechanism": settings.sasl_mechanism,
            "sasl.username": settings.sasl_username,
            "sasl.password": None if password is None else password.get_secret_value(),
        }
    return {name: str(value) for name, value in known.items() if value is not None}


def _topics(settings: Settings, with_own: bool) -> Topics:
    own = (f"{settings.app_id}-internal", f"{settings.app_id}-calls-changelog") if with_own else ()
    return replace(Topics.prefixed(settings.topic_prefix), others=own)


def _rules(settings: Settings, slack: float) -> Rules:
    return Rules(
        grace=settings.grace.total_seconds(),
        clock_tolerance=settings.clock_tolerance.total_seconds(),
        upgrade_window=settings.upgrade_window.total_seconds(),
        ready_deadline=settings.ready_deadline.total_seconds(),
        lost_queued=settings.lost_queued.total_seconds(),
        lost_ringing=settings.lost_ringing.total_seconds(),
        lost_live=settings.lost_live.total_seconds(),
        lost_after_end_node=settings.lost_after_end_node.total_seconds(),
        slack=slack,
    )


def _scrape(url: str) -> dict[str, float]:
    address = url if url.endswith("/metrics") else f"{url.rstrip('/')}/metrics"
    if not address.startswith(("http://", "https://")):
        raise UsageRefused(f"--metrics: found {url!r}; expected a URL such as http://127.0.0.1:6066/metrics")
    try:
        with urllib.request.urlopen(address, timeout=_SCRAPE_SECONDS) as page:  # noqa: S310  a URL of the operator's
            return series(page.read().decode())
    except (OSError, urllib.error.URLError, ValueError) as fault:
        raise CommandRefused(f"--metrics: found no metrics at {address}: {fault}") from fault


def _kills(text: str | None, now: float) -> tuple[float, ...]:
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    return tuple(
        float(word) if word.replace(".", "", 1).isdigit() else moment("--kills", word, _utc(now)).timestamp()
        for word in words
    )


def _utc(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


def _samples(path: Path | None) -> Any:
    if path is None:
        return (), ()
    try:
        return read_samples(*_there([path]))
    except ValueError as fault:
        raise UsageRefused(str(fault)) from fault


def _documents(paths: Sequence[Path]) -> tuple[Record, ...]:
    try:
        return as_records(read_files(paths))
    except ValueError as fault:
        raise UsageRefused(*str(fault).splitlines()) from fault


def _lines(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    (found,) = _there([path])
    return tuple(line for line in found.read_text(encoding="utf-8").splitlines() if line)


def _there(paths: Sequence[Path]) -> tuple[Path, ...]:
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise UsageRefused(*(f"found no file {path}; expected one" for path in missing))
    return tuple(paths)
