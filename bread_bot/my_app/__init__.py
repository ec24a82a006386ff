"""Copy me: one table, one schema, one route, one command."""

TITLE = "Пример приложения"
