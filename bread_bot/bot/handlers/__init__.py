"""What every bot can do: tell what it can do."""
