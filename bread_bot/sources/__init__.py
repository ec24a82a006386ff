"""Quotes, jokes, advice and insults: from elsewhere, and from our own collections when elsewhere keeps silent."""

TITLE = "Цитаты и шутки"
