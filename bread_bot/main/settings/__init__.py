"""What the rest of the project knows of its settings."""

from bread_bot.main.settings.default import BASE_DIR, Connection, Settings, load

settings: Settings = load()

# The embedded PostgreSQL and the tests put their own address in place here, so read it at the time of use.
DATABASE_SETTINGS: dict[str, Connection] = {"default": settings.connection}
DB_POOL_SIZE: int = settings.pool_size
APP_MODULES: list[str] = settings.APP_MODULES

__all__ = ["APP_MODULES", "BASE_DIR", "DATABASE_SETTINGS", "DB_POOL_SIZE", "Connection", "settings"]
