"""How fast the bot is, as a ratio to what its parts can do: python -m bread_bot.benchmark."""
