"""The command `postcall`: what it can be asked, and how each answer ends.

Data goes to stdout, all else to stderr. Exit codes: 0 done, 1 failed or found faults, 2 usage, 3 the broker
is not reachable. What a command needs is imported when it runs, so that help and completion are quick and
`validate` and `simulate` never load Faust.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.exits import CommandRefused
from agents.cli.flags import WithSettings, given_flags
from agents.cli.selectors import WithSelection, given_selection

if TYPE_CHECKING:
    from schemas.settings import Settings

app = typer.Typer(
    name="postcall",
    help="Runs what must happen after a phone conversation with a voice agent.",
    no_args_is_help=True,
    # Help in boxes costs 0.4 s at each call, and completion is a call.
    rich_markup_mode=None,
    # A traceback that shows local variables shows secrets.
    pretty_exceptions_enable=False,
)

bench = typer.Typer(no_args_is_help=True)
app.add_typer(bench, name="bench", help="Measure parts of postcall on this machine.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Files = Annotated[list[Path], typer.Argument(help="Documents, YAML or JSON.", show_default=False)]


def main() -> None:
    """Run the command line. Raises SystemExit with the command's code."""
    try:
        app()
    except CommandRefused as refused:
        from agents.cli.output import complain

        complain(*refused.lines)
        sys.exit(refused.code)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"postcall {version('postcall')}")
        raise typer.Exit


@app.callback()
def postcall(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Runs what must happen after a phone conversation with a voice agent."""


@app.command("worker", cls=WithSettings)
def run_worker(
    context: typer.Context,
    processes: Annotated[int, typer.Option(min=1, help="Worker processes; one uses one core.")] = 1,
) -> None:
    """Follow calls and send what they lead to, until SIGTERM."""
    from agents.cli.worker import run

    raise typer.Exit(run(_settings(context), processes))


@app.command("demo", cls=WithSettings)
def run_demo(context: typer.Context, as_json: Json = False) -> None:
    """Show everything at once, on this machine alone: broker, worker, receivers, calls, verdict."""
    from agents.demo import run

    raise typer.Exit(run(_settings(context), as_json))


@app.command("validate")
def validate_files(
    files: Files,
    egress_allow: Annotated[
        str, typer.Option(envvar="POSTCALL_EGRESS_ALLOW", help="What a worker may reach beyond the public.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Find every fault of documents, without a broker."""
    from agents.cli.validate import validate as find_faults

    raise typer.Exit(find_faults(files, as_json, egress_allow))


@app.command("simulate", cls=WithSettings)
def simulate_calls(
    context: typer.Context,
    files: Files,
    events: Annotated[Path, typer.Option(help="Events, one JSON object a line.", show_default=False)],
    responses: Annotated[Path | None, typer.Option(help="What endpoints answer; default 200, {}.")] = None,
    as_json: Json = False,
) -> None:
    """Play events to documents: verdicts, requests, retries; no broker, no network, no waiting."""
    from agents.cli.simulate import run

    raise typer.Exit(run(files, events, responses, as_json, _settings(context)))


@app.command("produce", cls=WithSettings)
def produce_events(
    context: typer.Context,
    call: Annotated[str | None, typer.Option(metavar="ID", help="The call.")] = None,
    type: Annotated[str | None, typer.Option(metavar="T", help="Such as call.ended.")] = None,  # noqa: A002
    data: Annotated[str | None, typer.Option(metavar="JSON", help="What the type says.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="ID", help="The voice agent.")] = None,
    event_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Else a hash of the event.")
    ] = None,
    source: Annotated[str | None, typer.Option(help="Who says so.")] = None,
    seq: Annotated[int | None, typer.Option(help="Rising per call and source.")] = None,
    at: Annotated[str | None, typer.Option(metavar="T", help="RFC 3339; else now.")] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Events, one JSON object a line.")
    ] = None,
    encoding: Annotated[
        str, typer.Option("--as", help="plain, structured or binary (CloudEvents).")
    ] = "plain",
    as_json: Json = False,
) -> None:
    """Put an event, or a file of them, on call-events, if none has a fault; say where each landed."""
    from typing import get_args

    from agents.cli.exits import UsageRefused
    from agents.cli.produce import Asked, Encoding, run

    if encoding not in get_args(Encoding):
        raise UsageRefused(f"--as: found {encoding!r}; expected one of {', '.join(get_args(Encoding))}")
    asked = Asked(call, type, data, agent, event_id, source, seq, at)
    raise typer.Exit(run(asked, file, encoding, as_json, _settings(context)))  # type: ignore[arg-type]  # just checked


@app.command("adapt")
def adapt_payloads(
    platform: Annotated[
        str, typer.Option("--from", metavar="PLATFORM", help="Whose payloads.", show_default=False)
    ],
    file: Annotated[str, typer.Argument(metavar="[FILE|-]", help="JSON lines, or one JSON value.")] = "-",
    as_json: Json = False,
) -> None:
    """Print the canonical events of what a voice platform sends: atoms elevenlabs livekit retell telnyx twilio vapi."""
    from agents.cli.adapt import run

    raise typer.Exit(run(platform, file, as_json))


@app.command("send-test", cls=WithSettings)
def send_test(
    context: typer.Context,
    target: Annotated[str, typer.Argument(metavar="URL|FILE#NODE", show_default=False)],
    method: Annotated[str | None, typer.Option(help="GET POST PUT PATCH DELETE; default POST.")] = None,
    header: Annotated[list[str] | None, typer.Option(help="'Name: value'; may be repeated.")] = None,
    body: Annotated[str | None, typer.Option(help="The body, as text.")] = None,
    timeout: Annotated[str | None, typer.Option(help="For all of it; default 15s.")] = None,
    events: Annotated[Path | None, typer.Option(help="Sample events for FILE#NODE.")] = None,
    as_json: Json = False,
) -> None:
    """Send one request now as a worker would, and say what the reply means: a URL, a node or a webhook."""
    from agents.cli.send_test import Asked, run

    asked = Asked(method, tuple(header or ()), body, timeout)
    raise typer.Exit(run(target, asked, events, as_json, _settings(context)))


@app.command("apply", cls=WithSettings)
def apply_files(context: typer.Context, files: Files, as_json: Json = False) -> None:
    """Put documents into force, if they have no fault."""
    from agents.cli.apply import run

    raise typer.Exit(run(files, as_json, _settings(context)))


@app.command("get", cls=WithSettings)
def get_documents(
    context: typer.Context,
    wanted: Annotated[str, typer.Argument(metavar="agents|workflows|endpoints|ID", show_default=False)],
    as_json: Json = False,
) -> None:
    """Print what is in force: voice agents, workflows, endpoints that are disabled or fail, one document."""
    from agents.cli.get import run

    raise typer.Exit(run(wanted, as_json, _settings(context)))


@app.command("delete", cls=WithSettings)
def delete_document(
    context: typer.Context,
    unwanted: Annotated[str, typer.Argument(metavar="agents/ID|workflows/ID@V", show_default=False)],
    as_json: Json = False,
) -> None:
    """Take one document out of force."""
    from agents.cli.delete import run

    raise typer.Exit(run(unwanted, as_json, _settings(context)))


@app.command("erase", cls=WithSettings)
def erase_call(
    context: typer.Context,
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", show_default=False)],
    as_json: Json = False,
) -> None:
    """Cancel what is pending for a call and forget it, but for the ids that keep it from happening twice."""
    from agents.cli.erase import run

    raise typer.Exit(run(call_id, as_json, _settings(context)))


@app.command("explain", cls=WithSettings)
def explain_call(
    context: typer.Context,
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID", show_default=False)],
    since: Annotated[
        str | None, typer.Option(metavar="T", help="Read from then on: RFC 3339, or how long ago (2h).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell why a call came to its verdict, and why each of its nodes ran, waits or did not run."""
    from agents.cli.explain import run

    raise typer.Exit(run(call_id, since, as_json, _settings(context)))


@app.command("tail", cls=WithSettings)
def follow_outputs(
    context: typer.Context,
    call: Annotated[str | None, typer.Option(metavar="ID", help="Of this call.")] = None,
    agent: Annotated[str | None, typer.Option(metavar="ID", help="Of calls of this voice agent.")] = None,
    verdict: Annotated[str | None, typer.Option(metavar="V", help="Of calls with this verdict.")] = None,
    as_json: Json = False,
) -> None:
    """Follow verdicts, attempts and dead letters, a line each, until Ctrl-C."""
    from agents.cli.tail import Wanted, run

    raise typer.Exit(run(Wanted(call, agent, verdict), as_json, _settings(context)))


@app.command("dead-letters", cls=WithSelection)
def list_dead_letters(context: typer.Context, as_json: Json = False) -> None:
    """Print what was given up: events that cannot be read, deliveries that will not be tried again."""
    from agents.cli.dead_letters import run
    from agents.cli.selecting import selection

    raise typer.Exit(run(selection(given_selection(context)), as_json, _settings(context)))


@app.command("replay", cls=WithSelection)
def replay_dead_letters(
    context: typer.Context,
    call_id: Annotated[str | None, typer.Argument(metavar="[CALL_ID]", show_default=False)] = None,
    rate: Annotated[float, typer.Option(min=0.01, help="Deliveries a second.")] = 10.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be sent.")] = False,
    as_json: Json = False,
) -> None:
    """Send once more what was given up, or what a workflow that was applied too late would have sent."""
    from agents.cli.replay import run
    from agents.cli.selecting import selection

    wanted = selection(given_selection(context), call_id)
    raise typer.Exit(run(wanted, rate, dry_run, as_json, _settings(context)))


@app.command("resume", cls=WithSettings)
def resume_endpoint(
    context: typer.Context,
    endpoint: Annotated[
        str | None, typer.Argument(metavar="[AGENT/NODE|AGENT/TYPE]", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Send to a disabled endpoint again; without an argument, list what is disabled."""
    from agents.cli.resume import run

    raise typer.Exit(run(endpoint, as_json, _settings(context)))


@app.command("verify", cls=WithSettings)
def verify_run(
    context: typer.Context,
    receiver: Annotated[
        Path | None, typer.Option(help="What a receiver wrote down, a JSON line a request.")
    ] = None,
    documents: Annotated[
        list[Path] | None, typer.Option(help="Documents, instead of those of the workflows topic.")
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option(help="URL of a worker whose counters cover all that is judged.")
    ] = None,
    logs: Annotated[list[Path] | None, typer.Option(help="A worker's log, for --planted.")] = None,
    samples: Annotated[
        Path | None, typer.Option(help="Samples of lag, readiness, memory; disturbances.")
    ] = None,
    kills: Annotated[str | None, typer.Option(help="When workers were killed, comma-separated.")] = None,
    planted: Annotated[Path | None, typer.Option(help="Strings that must show nowhere, one a line.")] = None,
    call: Annotated[str | None, typer.Option(help="Only this call.", metavar="ID")] = None,
    since: Annotated[
        str | None, typer.Option(help="Calls since then: RFC 3339, or how long ago (2h).")
    ] = None,
    slack: Annotated[float, typer.Option(min=0, help="Seconds that everything may be late.")] = 60.0,
    workers: Annotated[int | None, typer.Option(min=1, help="How many workers ran at most.")] = None,
    memory_mib: Annotated[int | None, typer.Option(min=1, help="The bound of a worker's memory.")] = None,
    save: Annotated[Path | None, typer.Option(help="Keep all witnesses in this folder.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Judge what --save kept, offline.")] = None,
    as_json: Json = False,
) -> None:
    """Judge from outside whether anything was lost, made up, repeated or out of order."""
    from agents.cli.verify import Options, run

    options = Options(
        receiver=receiver,
        documents=tuple(documents or ()),
        metrics=tuple(metrics or ()),
        logs=tuple(logs or ()),
        samples=samples,
        kills=kills,
        planted=planted,
        call=call,
        since=since,
        slack=slack,
        workers=workers,
        memory_mib=memory_mib,
        save=save,
        evidence=evidence,
    )
    raise typer.Exit(run(options, as_json, _settings(context)))


@app.command("config", cls=WithSettings)
def show_config(context: typer.Context, as_json: Json = False) -> None:
    """Print every setting as a worker here would run with it, secrets as set or not set."""
    from agents.cli.config import show

    raise typer.Exit(show(_settings(context), as_json))


@app.command("doctor", cls=WithSettings)
def look_at_everything(context: typer.Context, as_json: Json = False) -> None:
    """Look at broker, topics, rights, clocks, documents, endpoints: what is wrong, and what mends it."""
    from agents.cli.doctor import run

    raise typer.Exit(run(as_json, _settings(context)))


@bench.command("lanes")
def bench_lanes(as_json: Json = False) -> None:
    """Play the scheduler on a virtual clock: a shared pool against lanes, and an endpoint's return."""
    from agents.cli.bench_lanes import run

    raise typer.Exit(run(as_json))


def _settings(context: typer.Context) -> "Settings":
    from agents.cli.environment import read_settings, unknown_variables
    from agents.cli.output import complain

    complain(*unknown_variables())
    settings = read_settings(given_flags(context))
    if settings.failpoints:
        from agents.failpoints import arm
        from schemas.failpoints import orders

        complain(f"failing on purpose: {', '.join(settings.failpoints)}")
        arm(orders(settings.failpoints))
    return settings
