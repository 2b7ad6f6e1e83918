"""The template engine behind a fence: Liquid, without clock, files or other templates, and bounded.

What python-liquid leaves open and is closed here: its loop limit multiplies nested loops but forgets
loops one after the other, and unrolls a reversed range before it looks; `today` reads the clock;
a filter on nothing gives an empty text, so that missing data would pass for a value.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TextIO

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.content import Literal as LiteralTag
from liquid.builtin.expressions import FilteredExpression, PositionalArgument, StringLiteral
from liquid.builtin.illegal import Illegal
from liquid.builtin.output import Output as OutputTag
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignTag
from liquid.builtin.tags.capture_tag import CaptureTag
from liquid.builtin.tags.case_tag import CaseTag
from liquid.builtin.tags.comment_tag import CommentTag
from liquid.builtin.tags.for_tag import BreakTag, ContinueTag, ForNode, ForTag
from liquid.builtin.tags.if_tag import IfTag
from liquid.builtin.tags.inline_comment_tag import InlineCommentTag
from liquid.builtin.tags.unless_tag import UnlessTag
from liquid.exceptions import LiquidError, LiquidInterrupt
from liquid.stream import TokenStream
from liquid.undefined import Undefined
from liquid.utils import ReadOnlyChainMap

from streams import filters
from streams.meter import OUTPUT_LIMIT, Meter, TooMuch
from streams.paths import MISSING, Path, PathFault, canonical, lookup, step
from streams.sinks import Refused, Sink

TAGS: Final = ("if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "raw")


class SyntaxFault(Exception):
    """The text is no template, or one that is not allowed."""


class Gave(Exception):
    """The template met data that it cannot use."""


class Lacking(Exception):
    """A path is missing, and the policy says that this is an error."""

    def __init__(self, path: str) -> None:
        super().__init__(f"found nothing at {path}; expected a value")
        self.path = path


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


@dataclass(frozen=True, slots=True)
class Run:
    """One rendering: the data, what to do where it is missing, what it cost, what was missed."""

    context: Mapping[str, Any]
    policy: str
    meter: Meter
    missed: list[str]


@lru_cache(maxsize=2048)
def parse(source: str, in_url: bool) -> Parsed:
    """Read a template. Raises SyntaxFault, PathFault."""
    environment = _URLS if in_url else _TEXTS
    try:
        template = environment.from_string(source)
    except LiquidError as fault:
        raise SyntaxFault(f"found a template that does not parse: {_reason(fault)}") from None
    analysis = template.analyze(include_partials=False)
    unknown = sorted(set(analysis.filters) - filters.FILTERS)
    if unknown:
        raise SyntaxFault(f"found unknown filter {unknown[0]!r}; expected one of {_listed(filters.FILTERS)}")
    used = (variable.segments for variables in analysis.globals.values() for variable in variables)
    only = template.nodes[0] if len(template.nodes) == 1 else None
    alone = only if isinstance(only, OutputNode) else None
    return Parsed(template, frozenset(map(_static, used)), alone, len(source), _words(template.nodes))


def write(parsed: Parsed, run: Run, sink: Sink) -> None:
    """Render a template into its place. Raises Gave, Lacking, Refused, TooMuch."""
    context = _Context(parsed, run)
    with _FaultsTold():
        for node in parsed.template.nodes:
            node.render(context, sink)  # type: ignore[arg-type]  # a sink is all of TextIO that is used


def value(parsed: Parsed, run: Run) -> Any:
    """The native value of a template that is one `{{ … }}` alone; MISSING where it has none.
    Raises Gave, Lacking, TooMuch."""
    if parsed.alone is None:
        raise TypeError("found a template of several parts; expected one output alone")
    context = _Context(parsed, run)
    with _FaultsTold():
        found = context.evaluate(parsed.alone.expression)
        run.meter.value(found)
        return MISSING if found is MISSING else filters.native(found)


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
            reason = _reason(fault) if isinstance(fault, LiquidError) else type(fault).__name__
            raise Gave(f"found data that the template cannot use: {reason}") from None


class _Context(RenderContext):
    """What a template sees while it is rendered."""

    __slots__ = ("_weight", "looked_up", "meter", "run")

    def __init__(self, parsed: Parsed, run: Run) -> None:
        super().__init__(parsed.template)
        self.run, self.meter = run, run.meter
        self.looked_up: list[str] = []
        self._weight = parsed.length
        # The engine's own chain holds `now` and `today`, read from the clock.
        self.scope = ReadOnlyChainMap(self.locals)

    def get(self, path: list[object], *, token: Any, default: object = MISSING) -> Any:
        """The value at a path of this rendering; undefined ones are remembered."""
        found = self._find([one if isinstance(one, str | int) else str(one) for one in path])
        self.meter.value(found)
        if isinstance(found, Undefined):
            self.looked_up.append(found.name)
        return found

    def _find(self, path: list[str | int]) -> Any:
        root = str(path[0])
        if root in self.scope:
            found = self.scope[root]
            for segment in path[1:]:
                found = step(found, segment)
        else:
            found = lookup(self.run.context, tuple(map(str, path)))
        if found is not MISSING:
            return found
        return Undefined(".".join(map(str, _known(tuple(map(str, path))))))

    def evaluate(self, expression: Any) -> Any:
        """The value of an output, MISSING where what it is made of is missing and has no default."""
        self.looked_up.clear()
        found = expression.evaluate(self)
        if not self.looked_up or any(one.name == "default" for one in expression.filters or ()):
            return found
        self.run.missed.extend(self.looked_up)
        if self.run.policy == "error":
            raise Lacking(self.looked_up[0])
        return MISSING if isinstance(found, Undefined) or found in ("", None, []) else found

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count a loop: all its turns, each as long as the whole template."""
        self.meter.work(length * self._weight)

    def get_buffer(self, buf: Any = None) -> Any:
        """Where a capture goes: plain text, which is escaped when it is put somewhere."""
        return Sink(self.meter)


def _known(path: Path) -> Path:
    try:
        return canonical(path)
    except PathFault:
        return path


class _Output(OutputNode):
    """`{{ … }}`: a value, escaped by the place where it goes."""

    __slots__ = ("words",)

    words: frozenset[str]

    def render_to_output(self, context: Any, buffer: Any) -> int:
        """Put the value, or what stands for a missing one."""
        found = context.evaluate(self.expression)
        written: int = buffer.lack(context.run.policy) if found is MISSING else buffer.put(found)
        return written


class _OutputTag(OutputTag):
    """Reads `{{ x|there }}`: a bare word that is no filter is the default."""

    node_class = _Output

    def parse(self, stream: TokenStream) -> OutputNode:
        """Parse one output."""
        node = super().parse(stream)
        expression = node.expression
        used = (expression.filters or ()) if isinstance(expression, FilteredExpression) else ()
        bare = [one for one in used if one.name not in filters.FILTERS | filters.LEFT_OUT and not one.args]
        node.words = frozenset(one.name for one in bare)  # type: ignore[attr-defined]  # it is an _Output
        for one in bare:
            one.args = [PositionalArgument(StringLiteral(one.token, one.name))]
            one.name = "default"
        return node


class _For(ForNode):
    """A loop that is counted before its items are laid out."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """Run the loop."""
        items = self.expression.iterable.evaluate(context)
        if isinstance(items, range):
            context.raise_for_loop_limit(len(items))
        return super().render_to_output(context, buffer)


class _ForTag(ForTag):
    """Reads a loop."""

    node_class = _For


class _Environment(Environment):
    """Liquid with the tags and filters of `TAGS` and `filters.FILTERS`, and every limit set."""

    loop_iteration_limit = 100_000
    local_namespace_limit = OUTPUT_LIMIT
    output_stream_limit = OUTPUT_LIMIT
    context_depth_limit = 40
    shorthand_indexes = True

    def __init__(self, in_url: bool) -> None:
        super().__init__()
        filters.allow(self, encoded_anyway=in_url)

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        """Register the engine's own, then leave only what is allowed."""
        super().setup_tags_and_filters(extra=extra)
        self.tags.clear()
        for tag in _ALLOWED_TAGS:
            self.add_tag(tag)


_ALLOWED_TAGS: Final = (
    LiteralTag,
    Illegal,
    _OutputTag,
    IfTag,
    UnlessTag,
    CaseTag,
    _ForTag,
    BreakTag,
    ContinueTag,
    AssignTag,
    CaptureTag,
    CommentTag,
    InlineCommentTag,
)
_TEXTS: Final = _Environment(in_url=False)
_URLS: Final = _Environment(in_url=True)


def _words(nodes: Iterable[Any]) -> frozenset[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, _Output):
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
