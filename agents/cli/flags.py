"""Commands that take every setting as a flag.

The flags are made from the fields of `Settings` when such a command is run or asked for its help, not
before: `postcall --help` need not wait for pydantic.
"""

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Annotated, Any, Final

import typer
import typer.main
from typer.core import TyperCommand

_GIVEN: Final = "postcall.flags"


class WithSettings(TyperCommand):
    """A command with a flag for each setting; `settings_of` has what they come to."""

    def get_params(self, context: Any) -> list[Any]:
        """Its own options, then those of the settings, but for names that the command uses itself."""
        own = super().get_params(context)
        taken = {option for parameter in own for option in parameter.opts}
        return [*own, *(each for each in _setting_flags() if not taken.intersection(each.opts))]


def given_flags(context: typer.Context) -> dict[str, Any]:
    """The settings that were given as flags, by field name."""
    given: dict[str, Any] = context.meta.get(_GIVEN, {})
    return given


def _setting_flags() -> list[Any]:
    made = typer.Typer(add_completion=False)
    made.command()(_taking_settings())
    flags = [each for each in typer.main.get_command(made).params if each.name != "help"]
    for each in flags:
        # The command's function does not take them; `_remember` has put them aside.
        each.expose_value = False
    return list(flags)


def _taking_settings() -> Callable[..., None]:
    from schemas.settings import Settings

    def run(**_: Any) -> None:
        """Stand for a command that takes all settings."""

    run.__signature__ = Signature(  # type: ignore[attr-defined]  # typer asks inspect for it
        [_parameter(name, field.description or "") for name, field in Settings.model_fields.items()]
    )
    return run


def _parameter(field: str, description: str) -> Parameter:
    from schemas.settings import Settings, flag, variable

    kind = bool if Settings.model_fields[field].annotation is bool else str
    names = [f"{flag(field)}/--no-{field.replace('_', '-')}"] if kind is bool else [flag(field)]
    option = typer.Option(
        *names,
        help=f"{description} [{variable(field)}]",
        callback=_remember,
        show_default=False,
        metavar=None if kind is bool else "VALUE",
    )
    return Parameter(field, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, option])


def _remember(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> Any:
    if value is not None:
        context.meta.setdefault(_GIVEN, {})[parameter.name] = value
    return value
