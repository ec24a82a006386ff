"""The parameters of a call of the Bot API, which may come as JSON, as a form, or in the address."""

import json
from collections.abc import Mapping
from typing import Any

from bread_bot.sandbox.files import Upload
from bread_bot.sandbox.refusal import Refusal
from bread_bot.sandbox.world import Json


class Parameters:
    """What a call says, read as the method needs it: numbers and objects may also come as text."""

    def __init__(self, values: Mapping[str, Any], uploads: Mapping[str, Upload]) -> None:
        self.values = values
        self.uploads = uploads

    def text(self, name: str) -> str:
        """A text, empty where there is none."""
        value = self.values.get(name, "")
        return value if isinstance(value, str) else json.dumps(value)

    def integer(self, name: str) -> int | None:
        """A whole number."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        try:
            return int(str(value))
        except ValueError:
            raise Refusal(400, f"Bad Request: invalid {name} specified") from None

    def flag(self, name: str, default: bool = False) -> bool:
        """Yes or no."""
        value = self.values.get(name, default)
        return value is True or str(value).lower() in ("true", "1")

    def object(self, name: str) -> Json:
        """An object, empty where there is none."""
        value = self._structure(name, {})
        if not isinstance(value, dict):
            raise Refusal(400, f"Bad Request: can't parse {name}: object expected")
        return value

    def array(self, name: str) -> list[Any]:
        """A list, empty where there is none."""
        value = self._structure(name, [])
        if not isinstance(value, list):
            raise Refusal(400, f"Bad Request: can't parse {name}: array expected")
        return value

    def objects(self, name: str) -> list[Json]:
        """A list of objects, empty where there is none."""
        found = self.array(name)
        if not all(isinstance(one, dict) for one in found):
            raise Refusal(400, f"Bad Request: can't parse {name}: object expected")
        return found

    def _structure(self, name: str, default: Any) -> Any:
        value = self.values.get(name)
        if value is None or value == "":
            return default
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise Refusal(400, f"Bad Request: can't parse {name}: it is no JSON") from None
