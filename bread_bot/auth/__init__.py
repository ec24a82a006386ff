"""Who may use the admin API: users, passwords, tokens."""

TITLE = "Доступ"
