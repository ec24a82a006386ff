"""The log as it is written."""

from typing import Any

import orjson
import pytest


class Lines:
    """What has been logged."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self.text = ""

    def read(self, logger: str | None = None) -> list[dict[str, Any]]:
        """The new lines, of one logger if one is named, each of them JSON."""
        self.text = self._capture.readouterr().out
        lines = [orjson.loads(line) for line in self.text.splitlines()]
        return [line for line in lines if logger in (None, line["logger"])]
