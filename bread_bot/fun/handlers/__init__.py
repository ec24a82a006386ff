"""Commands for fun."""
