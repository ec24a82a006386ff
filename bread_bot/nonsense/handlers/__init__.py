"""Commands that talk nonsense."""
