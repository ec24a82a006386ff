"""Tools without domain words; nothing here imports an app."""
