"""Commands that take a selection of dead letters as flags: by call, node, type, endpoint, reason and time."""

from collections.abc import Callable
from typing import Annotated, Any, Final

import typer
import typer.main

from agents.cli.flags import WithSettings

_GIVEN: Final = "postcall.selection"


class WithSelection(WithSettings):
    """A command with a flag for each way to select; `given_selection` has what they come to."""

    def get_params(self, context: Any) -> list[Any]:
        """The flags of the selection, then its own and those of the settings."""
        return [*_flags(), *super().get_params(context)]


def given_selection(context: typer.Context) -> dict[str, str]:
    """The flags of the selection that were given, by their names without dashes."""
    given: dict[str, str] = context.meta.get(_GIVEN, {})
    return given


def _flags() -> list[Any]:
    made = typer.Typer(add_completion=False)
    made.command()(_taking_selection)
    flags = [each for each in typer.main.get_command(made).params if each.name != "help"]
    for each in flags:
        # The command's function does not take them; `_remember` has put them aside.
        each.expose_value = False
    return list(flags)


def _remember(context: typer.Context, parameter: typer.CallbackParam, value: str | None) -> str | None:
    if value is not None:
        context.meta.setdefault(_GIVEN, {})[str(parameter.name)] = value
    return value


def _flag(name: str, metavar: str, says: str) -> Callable[..., Any]:
    option: Callable[..., Any] = typer.Option(
        name, metavar=metavar, help=says, callback=_remember, show_default=False
    )
    return option


def _taking_selection(
    call: Annotated[str | None, _flag("--call", "ID", "Of this call.")] = None,
    node: Annotated[str | None, _flag("--node", "ID", "Of this Post Call API node.")] = None,
    type: Annotated[str | None, _flag("--type", "TYPE", "Of webhooks of this type.")] = None,  # noqa: A002  the flag's name
    endpoint: Annotated[
        str | None, _flag("--endpoint", "E", "To scheme://host[:port], or to AGENT/NODE or AGENT/TYPE.")
    ] = None,
    reason: Annotated[str | None, _flag("--reason", "R", "Given up for this reason.")] = None,
    since: Annotated[
        str | None, _flag("--since", "T", "Given up since then: RFC 3339, or how long ago (2h).")
    ] = None,
    until: Annotated[str | None, _flag("--until", "T", "Given up before then.")] = None,
) -> None:
    """Stand for a command that takes a selection."""
