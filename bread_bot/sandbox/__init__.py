"""A small Telegram to try the bot in: a page and a Bot API, only where no token is set."""

TITLE = "Песочница"
