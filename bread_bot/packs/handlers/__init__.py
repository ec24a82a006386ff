"""What members say to teach the bot, and how it reacts to what it was taught."""
