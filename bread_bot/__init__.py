"""Bread Bot (Хлебушек): a Telegram bot for local chats."""
