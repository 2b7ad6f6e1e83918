"""The engine's Liquid as templates here speak it: which tags there are, and what they may see.

What python-liquid leaves open and is closed here: its loop limit multiplies nested loops but forgets
loops one after the other, and unrolls a reversed range before it looks; `today` reads the clock;
a filter on nothing gives an empty text, so that missing data would pass for a value.
"""

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
from liquid.stream import TokenStream
from liquid.undefined import Undefined
from liquid.utils import ReadOnlyChainMap

from streams.templates import filters
from streams.templates.faults import Lacking
from streams.templates.filter_names import FILTERS, LEFT_OUT
from streams.templates.meter import OUTPUT_LIMIT
from streams.templates.paths import MISSING, Path, PathFault, canonical, lookup, step
from streams.templates.run import Run
from streams.templates.sinks import Sink

TAGS: Final = ("if", "unless", "case", "for", "break", "continue", "assign", "capture", "comment", "raw")


class Sight(RenderContext):
    """What a template sees while it is rendered."""

    __slots__ = ("_weight", "looked_up", "meter", "run")

    def __init__(self, template: BoundTemplate, length: int, run: Run) -> None:
        super().__init__(template)
        self.run, self.meter = run, run.meter
        self.looked_up: list[str] = []
        self._weight = length
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


class Output(OutputNode):
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

    node_class = Output

    def parse(self, stream: TokenStream) -> OutputNode:
        """Parse one output."""
        node = super().parse(stream)
        expression = node.expression
        used = (expression.filters or ()) if isinstance(expression, FilteredExpression) else ()
        bare = [one for one in used if one.name not in FILTERS | LEFT_OUT and not one.args]
        node.words = frozenset(one.name for one in bare)  # type: ignore[attr-defined]  # it is an Output
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
    """Liquid with the tags and filters of `TAGS` and `FILTERS`, and every limit set."""

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
TEXTS: Final = _Environment(in_url=False)
URLS: Final = _Environment(in_url=True)
