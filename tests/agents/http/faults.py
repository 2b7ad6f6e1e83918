"""What an endpoint may do, and which class that is: the reply table and the faults, row by row.

`path` is one of `tests.agents.http.hostile`; the deadline is the caller's.
"""

from typing import Final, NamedTuple

from schemas.delivery import Class


class Row(NamedTuple):
    """What an endpoint does, and what that means."""

    path: str
    class_: Class
    status: int | None
    error: str | None


def _answers(class_: Class, *statuses: int, query: str = "") -> list[Row]:
    path, code = f"answer/{{}}{query and '?'}{query}", "status_{}"
    return [
        Row(path.format(each), class_, each, None if class_ is Class.SUCCESS else code.format(each))
        for each in statuses
    ]


STATUSES: Final = [
    *_answers(Class.SUCCESS, 200, 201, 202, 203, 204, 206, 226, 299),
    *_answers(Class.OVERLOADED, 429, 502, 503, 504),
    *_answers(Class.TRANSIENT, 408, 421, 423, 425, 500, 507, 509, 520, 527, 599),
    *_answers(Class.AUTH, 401, 403, 407),
    *_answers(Class.REJECTED, 400, 402, 404, 405, 406, 409, 411, 412, 413, 415, 418, 422, 424, 426, 428, 431),
    *_answers(Class.REJECTED, 451, 499, 501, 505, 506, 508, 510, 511, 600, 799, 999),
    *_answers(Class.GONE, 410),
]

_SOON, _DATE = "retry-after=7", "retry-after=Wed,%2021%20Oct%202099%2007:28:00%20GMT"

HEADERS: Final = [
    *_answers(Class.OVERLOADED, 503, 429, query=_SOON),
    *_answers(Class.OVERLOADED, 503, query=_DATE),
    *_answers(Class.OVERLOADED, 503, query="retry-after=soon"),
    *_answers(Class.OVERLOADED, 503, query="retry-after=-5"),
    *_answers(Class.OVERLOADED, 503, query="retry-after=99999999999999999999"),
    *_answers(Class.TRANSIENT, 500, query=_SOON),
    *_answers(Class.SUCCESS, 200, query="webhook-delivery=disable"),
    *_answers(Class.GONE, 400, 500, 503, 302, query="webhook-delivery=disable"),
    *_answers(Class.ABORTED, 400, 500, 429, 401, query="webhook-delivery=abort-message"),
    *_answers(Class.SUCCESS, 200, query="webhook-delivery=abort-message"),
    *_answers(Class.GONE, 410, query="webhook-delivery=abort-message"),
    *_answers(Class.REJECTED, 400, query="webhook-delivery=please"),
]
# A 3xx is told of as what it is.
HEADERS[:] = [row._replace(error="redirect_not_followed") if row.status == 302 else row for row in HEADERS]

REDIRECTS: Final = [
    *(Row(path, Class.REJECTED, 307, "redirect_not_followed") for path in ("moved", "metadata-307", "hop/3")),
    *(Row(f"moved-{each}", Class.REJECTED, each, "redirect_not_followed") for each in (301, 302, 303, 308)),
    Row("metadata", Class.REJECTED, 302, "redirect_not_followed"),
    Row("loop", Class.REJECTED, 308, "redirect_not_followed"),
    *_answers(Class.REJECTED, 300, 304, 305),
]
REDIRECTS[:] = [row._replace(error="redirect_not_followed") for row in REDIRECTS]


def _silent(error: str, *paths: str) -> list[Row]:
    return [Row(path, Class.AMBIGUOUS, None, error) for path in paths]


SILENCES: Final = [
    *_silent("timeout", "hang", "unread-hang", "head-drip", "interim-drip"),
    *_silent(
        "headers_too_large", "line-flood", "header-flood", "huge-header", "many-headers", "moved-gigabyte"
    ),
    *_silent("garbage", "interim", "interim-flood", "switch", "garbage", "ssh", "http2", "preface", "html"),
    *_silent(
        "garbage",
        "http09",
        "no-status",
        "low-status",
        "long-status",
        "bad-length",
        "two-lengths",
        "huge-length",
    ),
    *_silent("garbage", "nul-header", "length-and-chunked", "http2-line", "half-head"),
    *_silent("closed", "close"),
    *_silent("reset", "reset", "unread-reset", "reset-in-head"),
]

CUT: Final = [
    Row(path, Class.SUCCESS, 200, None)
    for path in (
        *("drip", "endless", "flood", "gigabyte", "terabyte", "gzip-bomb", "close-in-body", "reset-in-body"),
        *("huge-chunk", "trailers", "bad-chunk", "chunk-overflow", "chunk-negative", "chunk-extensions"),
    )
]
"""Successes whose body does not count."""

WHOLE: Final = [
    Row(path, Class.SUCCESS, 200, None)
    for path in (
        "ok",
        "until-close",
        "hints",
        "http10",
        "two-answers",
        "folded",
        "bare-newlines",
        "twice-chunked",
    )
]

ALL: Final = (*STATUSES, *HEADERS, *REDIRECTS, *SILENCES, *CUT, *WHOLE)
