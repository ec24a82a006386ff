"""Where traces go."""

from bread_bot.main.commands.doctor.findings import Check, ok, warn
from bread_bot.main.settings import settings
from bread_bot.utils.base_client import BaseHTTPClient, ClientError, StatusError
from bread_bot.utils.exporters import exporters
from bread_bot.utils.masking import bare_address

_SECONDS = 5.0
_NO_SUCH_PATH = 404


async def check_exporters() -> Check:
    """Whether the endpoints take spans; they are sent none."""
    if not settings.ENABLE_TELEMETRY:
        yield ok("traces", "switched off")
        return
    started = list(exporters())
    if not started:
        advice = "Set ZIPKIN_URL or APPLICATIONINSIGHTS_CONNECTION_STRING, or ENABLE_TELEMETRY=false"
        yield warn("traces", "switched on, and sent nowhere", advice)
    for exporter in started:
        where = f"{exporter.name} at {bare_address(exporter.url)}"
        advice = "The bot works without it: spans wait, and the oldest are lost. Correct its address, or start it"
        try:
            await BaseHTTPClient(exporter.url).request("POST", json=[], timeout=_SECONDS)
        except StatusError as error:
            if error.status == _NO_SUCH_PATH or error.status >= 500:
                yield warn("traces", f"{where}: HTTP {error.status}", advice)
            else:  # an empty list is not what it takes, but it has answered
                yield ok("traces", f"{where} answers")
        except ClientError as error:
            yield warn("traces", f"{exporter.name} can't be reached: {error}", advice)
        else:
            yield ok("traces", f"{where} answers")
        finally:
            exporter.close()
