"""python server.py: brings the database to the newest schema, and serves."""

import sys

import uvicorn

from bread_bot.main.database.embedded import EmbeddedDatabaseError
from bread_bot.main.database.migrations import migrate
from bread_bot.main.settings import settings
from bread_bot.main.webserver import create_app
from bread_bot.utils.json_logger import configure_logging

GRACE_SECONDS = 10


def main() -> None:
    """Check the apps, migrate, and serve with WORKERS_COUNT processes until stopped."""
    configure_logging()
    try:
        create_app()
        migrate()
    except EmbeddedDatabaseError as error:
        sys.exit(str(error))
    uvicorn.run(
        "bread_bot.main.webserver:app",
        host=settings.HOST or "0.0.0.0",
        port=settings.PORT,
        workers=settings.WORKERS_COUNT,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


if __name__ == "__main__":
    main()
