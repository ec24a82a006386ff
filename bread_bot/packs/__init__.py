"""What a chat has taught the bot: triggers, substrings, fallbacks, insults."""

TITLE = "Обучение"
