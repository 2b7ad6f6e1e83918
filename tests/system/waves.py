"""A load without an end: wave after wave of calls, each drawn from the seed, until somebody has seen enough."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from tests.system.load import Arrival, Load, Mixture, Telling, generate


class Waves:
    """Tells waves one after the other, each like `mixture`; `load` is all of them that were begun.

    A wave is told as long as its mixture says, and what is late of it overlaps with the next.
    """

    def __init__(self, bootstrap: str, topic: str, mixture: Mixture, prefix: str) -> None:
        self.load = Load(mixture, (), {}, {})
        self.arrivals: tuple[Arrival, ...] = ()
        """The records of the wave that was begun last."""
        self._bootstrap, self._topic, self._prefix = bootstrap, topic, prefix
        self._tellings: list[Telling] = []
        self._enough = threading.Event()
        self._defects: list[BaseException] = []
        self._thread = threading.Thread(target=self._watched(self._tell), name="waves", daemon=True)

    def start(self) -> "Waves":
        """Begin with the first wave."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Begin no more waves."""
        self._enough.set()

    def join(self) -> None:
        """Begin no more waves, and wait until all that were begun are told."""
        self.stop()
        self._thread.join()
        if self._defects:
            raise self._defects[0]
        for telling in self._tellings:
            telling.join()

    def _tell(self) -> None:
        mixture, number = self.load.mixture, 0
        while not self._enough.is_set():
            number += 1
            wave = replace(mixture, seed=mixture.seed * 1000 + number)
            drawn = generate(wave, datetime.now(UTC), self._prefix)
            self.arrivals = drawn.arrivals
            self.load.expected.update(drawn.expected)
            self.load.situation_of.update(drawn.situation_of)
            self._tellings.append(Telling(self._bootstrap, self._topic, drawn).start())
            self._enough.wait(mixture.seconds)

    def _watched(self, work: Callable[[], None]) -> Callable[[], None]:
        def watched() -> None:
            try:
                work()
            except BaseException as defect:  # noqa: BLE001  raised again by whoever joins
                self._defects.append(defect)

        return watched
