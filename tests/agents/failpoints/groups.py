"""Which failpoints a worker passes when."""

RECOVERING = (
    *(
        "batch-recovered",
        "partitions-recovered",
        "tenure-begun",
        "tenures-rebuilt",
        "tenure-opening",
        "sought",
    ),
)
"""When it takes partitions over."""

LEAVING = ("drain-begun", "drained", "drain-handed-over", "stop-flushed", "stop-committed")
"""After SIGTERM."""

LETTING_GO = ("revoke-dropped", "revoke-announced")
"""After SIGTERM, and when another worker joins; and once, with nothing, when it joins itself."""

GIVING_AWAY = ("revoke-begun", "revoke-handed-over", "revoke-committed")
"""When another worker joins; and once, with nothing, when it joins itself."""
