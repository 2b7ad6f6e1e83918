"""Which filters templates may use, by what they work on."""

from typing import Final

OF_TEXT: Final = frozenset(
    [
        "append",
        "prepend",
        "capitalize",
        "downcase",
        "upcase",
        "strip",
        "lstrip",
        "rstrip",
        "strip_newlines",
        "newline_to_br",
        "escape",
        "escape_once",
        "remove",
        "remove_first",
        "remove_last",
        "replace",
        "replace_first",
        "replace_last",
        "split",
        "truncate",
        "truncatewords",
        "squish",
        "url_encode",
        "url_decode",
        "base64_encode",
        "base64_decode",
        "base64_url_safe_encode",
        "base64_url_safe_decode",
    ]
)
OF_NUMBERS: Final = frozenset(
    ["abs", "at_most", "at_least", "ceil", "divided_by", "floor", "minus", "plus", "round", "times", "modulo"]
)
OF_LISTS: Final = frozenset(
    [
        "join",
        "first",
        "last",
        "concat",
        "map",
        "reject",
        "reverse",
        "sort",
        "sort_natural",
        "sum",
        "where",
        "uniq",
        "compact",
        "find",
        "find_index",
        "has",
        "size",
        "slice",
    ]
)
FILTERS: Final = OF_TEXT | OF_NUMBERS | OF_LISTS | {"default", "date", "json"}

LEFT_OUT: Final = frozenset({"strip_html", "safe", "escapejs"})
"""Filters of Liquid that are no filters here, and no default words either."""
