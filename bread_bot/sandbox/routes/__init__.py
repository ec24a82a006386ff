"""The sandbox's addresses."""
