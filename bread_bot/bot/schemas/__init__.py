"""Telegram's JSON, leniently read."""
