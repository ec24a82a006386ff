"""The webhook, and what admins may see and do."""
