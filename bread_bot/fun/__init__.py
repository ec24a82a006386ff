"""Games of chance, and the bot's moods."""

TITLE = "Развлечения"
