"""The people of a chat: who they are, and what they do."""

TITLE = "Люди"
