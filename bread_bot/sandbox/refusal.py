"""How the sandbox's Telegram says no."""


class Refusal(Exception):
    """Telegram says no, in its own words, and perhaps what to do instead."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.parameters = parameters
