"""Clients of the services that quotes, jokes, advice and insults come from."""
