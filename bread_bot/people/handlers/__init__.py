"""Commands about the people of a chat."""
