"""python server.py: brings the database to the newest schema, and serves."""

import shutil
import sys

import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from bread_bot.bot.command import DeclarationError
from bread_bot.main.apps import AppError
from bread_bot.main.database.base import is_unavailable
from bread_bot.main.database.embedded import EmbeddedDatabaseError
from bread_bot.main.database.migrations import migrate_if_needed
from bread_bot.main.settings import settings
from bread_bot.main.webserver import create_app
from bread_bot.sandbox.switch import switch_on
from bread_bot.utils.json_logger import configure_logging
from bread_bot.utils.metrics import shared_directory

GRACE_SECONDS = 10


def main() -> None:
    """Check the apps, migrate, and serve with WORKERS_COUNT processes until stopped."""
    configure_logging()
    is_sandbox = settings.TELEGRAM_BOT_TOKEN is None
    if is_sandbox:
        switch_on()
    try:
        create_app()  # so that a wrong app stops the start before any worker begins
        migrate_if_needed()
    except (AppError, DeclarationError, EmbeddedDatabaseError) as error:
        sys.exit(str(error))
    except SQLAlchemyError as error:
        if not is_unavailable(error):
            raise
        reason = " ".join(str(error.__cause__ or error).split())
        sys.exit(f"The database does not answer, check the DB_* settings: {reason}")
    if is_sandbox:
        print(f"No TELEGRAM_BOT_TOKEN. Try the bot at http://{settings.HOST}:{settings.PORT}/sandbox", flush=True)
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
    shutil.rmtree(shared_directory(), ignore_errors=True)


if __name__ == "__main__":
    main()
