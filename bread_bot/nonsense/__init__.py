"""Nonsense: words of a message swapped for the chat's own, and sentences made up from what the chat has said."""

TITLE = "Бред"
