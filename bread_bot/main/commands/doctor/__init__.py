"""`doctor`: looks at all that the bot needs, and tells in one line each what is wrong and what to do."""

import json
from collections import Counter
from dataclasses import asdict
from typing import Annotated

import typer

from bread_bot.main.commands import application, run
from bread_bot.main.commands.doctor import configuration, database, tracing
from bread_bot.main.commands.doctor.findings import Check, Finding, Level, outcome, skip
from bread_bot.main.commands.doctor.telegram import TelegramCheckup
from bread_bot.main.settings import settings

_COLORS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red", Level.SKIP: "bright_black"}


@application.command()
def doctor(
    groups: Annotated[int, typer.Option(min=0, help="Groups to ask Telegram about the bot's rights in")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="For machines")] = False,
) -> None:
    """Look at settings, database, Telegram and delivery, and tell what to do about what is wrong. It changes nothing.

    Exit status 0: the bot can work, with warnings perhaps. 1: something fails. 2: settings are wrong.
    """
    findings = run(Examination(is_silent=as_json).examine(groups))
    has_failed = any(one.level is Level.FAIL for one in findings)
    if as_json:
        typer.echo(json.dumps({"ok": not has_failed, "findings": [asdict(one) for one in findings]}, indent=2))
    else:
        numbers = Counter(one.level for one in findings)
        typer.echo(", ".join(f"{numbers[level]} {level.upper()}" for level in Level if numbers[level]))
    raise typer.Exit(int(has_failed))


class Examination:
    """All checks in their order; those that can't be made without an earlier one are skipped when it fails."""

    def __init__(self, *, is_silent: bool) -> None:
        self._is_silent = is_silent
        self._findings: list[Finding] = []

    async def examine(self, groups: int) -> list[Finding]:
        """Make them, telling each finding at once; the findings."""
        await self._look("settings", configuration.check_settings())
        await self._look("apps", configuration.check_apps())
        is_reachable = await self._look("database", database.check_server())
        has_tables = await self._look("schema", database.check_schema(), is_reachable)
        await self._look("connections", database.check_connections(), has_tables)
        await self._look("clock", database.check_clock(), is_reachable)
        await self._look("server", database.check_processes(), has_tables)
        await self._look("outbox", database.check_delivery(), has_tables)
        checkup = TelegramCheckup(settings.TELEGRAM_BOT_TOKEN)
        is_known = await self._look("token", checkup.check_token())
        is_known = is_known and checkup.bot_id is not None
        await self._look("privacy", checkup.check_privacy(), is_known)
        await self._look("webhook", checkup.check_webhook(), is_known)
        await self._look("clock", checkup.check_clock(), is_known)
        await self._look("groups", checkup.check_groups(groups), is_known and has_tables)
        await self._look("traces", tracing.check_exporters())
        return self._findings

    async def _look(self, topic: str, check: Check, is_possible: bool = True) -> bool:
        """Make a check; whether nothing in it fails."""
        found = await outcome(topic, check) if is_possible else [skip(topic)]
        self._findings += found
        if not self._is_silent:
            for one in found:
                mark = typer.style(f"{one.level.upper():<5}", fg=_COLORS[one.level])
                typer.echo(f"{mark}{one}")
        return is_possible and all(one.level is not Level.FAIL for one in found)
