"""Commands about the webhook: what the server sets at its start, by hand."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from bread_bot.bot.announcement import webhook
from bread_bot.bot.schemas.webhook import WebhookInfo
from bread_bot.main.commands import application, confirm, fail, run, telegram_client
from bread_bot.main.settings import settings
from bread_bot.utils.masking import bare_address, without_secrets

group = typer.Typer(no_args_is_help=True)
application.add_typer(group, name="webhook", help="See, set or delete the webhook, by which Telegram sends updates.")


@group.command("set")
def set_webhook() -> None:
    """Set the webhook to WEBHOOK_URL, just as the server does at its start."""
    if settings.WEBHOOK_URL is None:
        fail("WEBHOOK_URL is not set, so the bot polls: set it to the server's public address, https://…")
    run(_set())
    typer.echo(f"The webhook is set to {bare_address(settings.WEBHOOK_URL)}")


@group.command("show")
def show_webhook(as_json: Annotated[bool, typer.Option("--json", help="For machines")] = False) -> None:
    """Show what Telegram knows of the webhook: its address, the updates that wait, the last error."""
    info = run(_read())
    info.url = bare_address(info.url) if info.url else ""
    if as_json:
        typer.echo(info.model_dump_json(indent=2))
        return
    error = "none"
    if info.last_error_date is not None:
        error = f"{without_secrets(info.last_error_message or '?')}, {ago(info.last_error_date)}"
    lines = {
        "Address": info.url or "none: no webhook is set",
        "Waiting updates": f"{info.pending_update_count:,}",
        "Last error": error,
        "Kinds": ", ".join(info.allowed_updates) or "Telegram's default",
        "At once, most": f"{info.max_connections or 40}",
    }
    for name, value in lines.items():
        typer.echo(f"{name:<17}{value}")


@group.command("delete")
def delete_webhook(
    is_confirmed: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
    drop_pending: Annotated[bool, typer.Option("--drop-pending", help="Forget the updates that wait")] = False,
) -> None:
    """Delete the webhook: Telegram keeps updates for a day, until a webhook is set again or somebody polls."""
    client = telegram_client("to delete the webhook")
    info = run(_read())
    where = bare_address(info.url) if info.url else "no address"
    waiting = f"waiting updates: {info.pending_update_count:,}" + (", which will be lost" if drop_pending else "")
    confirm(f"The webhook is set to {where}; {waiting}. Delete it?", is_confirmed)
    run(client.call("deleteWebhook", {"drop_pending_updates": drop_pending}))
    typer.echo("The webhook is deleted; a server with WEBHOOK_URL sets it again when it starts.")


def ago(moment: datetime) -> str:
    """A moment, and how long ago it was, in words."""
    seconds = max(int((datetime.now(UTC) - moment).total_seconds()), 0)
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({seconds // size} {unit} ago)"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC ({seconds} seconds ago)"


async def _set() -> None:
    client = telegram_client("to set the webhook")
    await client.call("setWebhook", await webhook())


async def _read() -> WebhookInfo:
    client = telegram_client("to see the webhook")
    return WebhookInfo.model_validate(await client.call("getWebhookInfo"))
