"""The template engine behind a fence: templates are read, rendered, and told off in our own words."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from liquid import BoundTemplate
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError, LiquidInterrupt

from streams.templates.dialect import TAGS, TEXTS, URLS, Output, Sight
from streams.templates.faults import Gave, Lacking, SyntaxFault
from streams.templates.filter_names import FILTERS
from streams.templates.meter import TooMuch
from streams.templates.paths import MISSING, Path, PathFault, canonical
from streams.templates.run import Run
from streams.templates.sinks import Refused, Sink
from streams.templates.values import native


@dataclass(frozen=True, slots=True)
class Parsed:
    """A template that the engine understood, and the canonical paths that it uses."""

    template: BoundTemplate
    paths: frozenset[Path]
    alone: OutputNode | None
    """The output, when the template is nothing but one `{{ … }}`."""
    length: int
    words: frozenset[str]
    """The bare words that were taken for defaults."""

    def write(self, run: Run, sink: Sink) -> None:
        """Render the template into its place. Raises Gave, Lacking, Refused, TooMuch."""
        context = Sight(self.template, self.length, run)
        with _FaultsTold():
            for node in self.template.nodes:
                node.render(context, sink)  # type: ignore[arg-type]  # a sink is all of TextIO that is used

    def value(self, run: Run) -> Any:
        """The native value of a template that is one `{{ … }}` alone; MISSING where it has none.
        Raises Gave, Lacking, TooMuch."""
        if self.alone is None:
            raise TypeError("found a template of several parts; expected one output alone")
        context = Sight(self.template, self.length, run)
        with _FaultsTold():
            found = context.evaluate(self.alone.expression)
            run.meter.value(found)
            return MISSING if found is MISSING else native(found)


@lru_cache(maxsize=2048)
def parse(source: str, in_url: bool) -> Parsed:
    """Read a template. Raises SyntaxFault, PathFault."""
    environment = URLS if in_url else TEXTS
    try:
        template = environment.from_string(source)
    except LiquidError as fault:
        raise SyntaxFault(f"found a template that does not parse: {_reason(fault)}") from None
    analysis = template.analyze(include_partials=False)
    unknown = sorted(set(analysis.filters) - FILTERS)
    if unknown:
        raise SyntaxFault(f"found unknown filter {unknown[0]!r}; expected one of {_listed(FILTERS)}")
    used = (variable.segments for variables in analysis.globals.values() for variable in variables)
    only = template.nodes[0] if len(template.nodes) == 1 else None
    alone = only if isinstance(only, OutputNode) else None
    return Parsed(template, frozenset(map(_static, used)), alone, len(source), _words(template.nodes))


class _FaultsTold:
    """Tell what the engine raises over data in the words of this module."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: object) -> None:
        if isinstance(fault, Refused | TooMuch | Lacking | Gave):
            return
        if isinstance(fault, LiquidInterrupt):
            raise Gave("found break or continue outside a loop; expected it inside one") from None
        # Filters of the engine let these out for texts that are no numbers, numbers out of range,
        # values of the wrong kind and values nested too deep.
        if isinstance(fault, LiquidError | ArithmeticError | ValueError | TypeError | RecursionError):
            # What the engine says may quote the data, and this gets into records.
            raise Gave(f"found data that the template cannot use: {type(fault).__name__}") from None


def _words(nodes: Iterable[Any]) -> frozenset[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, Output):
            found |= node.words
        found |= _words(node.children(None))
    return frozenset(found)


def _static(segments: list[Any]) -> Path:
    """The part of a path that is known before any call. Raises PathFault."""
    known: list[str] = []
    for segment in segments:
        if isinstance(segment, list):
            break
        known.append(str(segment))
    if len(known) < 2 and segments[0] == "nodes":
        raise PathFault("found nodes without an id; expected nodes.<node id>.response")
    if not known:
        raise PathFault("found a name that depends on data; expected a fixed one")
    return canonical(tuple(known))


def _reason(fault: LiquidError) -> str:
    """What the engine said, without its quotation of the template."""
    said = fault.args[0] if fault.args else type(fault).__name__
    if "unexpected tag" in str(said):
        return f"{said}; expected one of {', '.join(TAGS)}"
    return str(said)


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))
