"""Which Kafka a broker is: the protocol does not tell, but what it can be asked does.

Source: the requests' `validVersions` in Kafka's clients/src/main/resources/common/message, by release. aiokafka
keeps what the broker says of itself at the connection.
"""

from collections.abc import Mapping
from typing import Any, Final

FETCH: Final = 1
_BY_REQUEST: Final = ((80, "3.9"), (75, "3.8"), (68, "3.7"), (65, "3.0"), (60, "2.8"))
"""API keys, and the first release that can be asked them: AddRaftVoter, DescribeTopicPartitions,
ConsumerGroupHeartbeat, DescribeTransactions, DescribeCluster."""


def at_least(kafka: Any) -> str | None:
    """The release that the broker of an admin client is, or a later one; None: older than 2.8."""
    connections = list(kafka._client._conns.values())
    return release(connections[0]._versions) if connections else None


def release(versions: Mapping[int, tuple[int, int]]) -> str | None:
    """The release that speaks these (lowest, highest) versions of these requests, or a later one."""
    # Kafka 4.0 has given up what clients before 2.1 speak (KIP-896).
    if versions.get(FETCH, (0, 0))[0] >= 4:
        return "4.0"
    return next((name for key, name in _BY_REQUEST if key in versions), None)
