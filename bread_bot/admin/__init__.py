"""The admin site at /admin: what the bot knows, says and stumbles over, for signed-in admins."""

TITLE = "Админка"
