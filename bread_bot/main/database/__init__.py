"""Engines, sessions, and what tables have in common."""
