"""A circuit breaker: whoever has failed again and again is left alone for a while."""

from collections.abc import Callable
from time import monotonic

FAILURES = 3
REST = 60.0


class Breaker:
    """Opens after FAILURES failures in a row; then admits one probe every REST seconds, until one succeeds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.failures = 0
        self._clock = clock
        self._probe_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether there have been too many failures and no success since."""
        return self.failures >= FAILURES

    def admits(self) -> bool:
        """Whether to try now; while open, only the first who asks after the rest may, and the next rest begins."""
        if not self.is_open:
            return True
        if self._clock() < self._probe_at:
            return False
        self._probe_at = self._clock() + REST
        return True

    def succeed(self) -> None:
        """Note a success: it closes."""
        self.failures = 0

    def fail(self) -> None:
        """Note a failure."""
        self.failures += 1
        self._probe_at = self._clock() + REST
