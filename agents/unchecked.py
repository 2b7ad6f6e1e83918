"""Requests to endpoints whose certificate nobody checks (`tls: {insecure: true}`): counted, and said once."""

import logging
from typing import Final

from agents.attempt import Outbound
from agents.metrics import Metrics

log = logging.getLogger(__name__)

REMEMBER_AT_MOST: Final = 4_096
"""Endpoints that were warned about."""


class Unchecked:
    """Told of each such request, as `Attempts` does."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._said: set[tuple[str, str]] = set()

    def __call__(self, outbound: Outbound) -> None:
        """Count a request, and warn of an endpoint for the first time."""
        self._metrics.note("insecure_tls")
        endpoint = (outbound.agent_id, outbound.endpoint)
        if endpoint in self._said:
            return
        if len(self._said) >= REMEMBER_AT_MOST:
            self._said.clear()
        self._said.add(endpoint)
        log.warning("the certificate of %s is not checked: tls.insecure, agent %s", *reversed(endpoint))
