"""Figures that PostgreSQL knows, the same for all workers: asked for at every scrape, in one statement."""

import asyncio
import logging
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from sqlalchemy import Label, ScalarSelect, select

from bread_bot.main.database.base import async_session

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 2.0

_declared: dict[str, tuple[str, Label[Any]]] = {}


def database_gauge(name: str, documentation: str, value: ScalarSelect[Any]) -> None:
    """Declare a figure: what a subquery gives, which must be quick."""
    _declared[name] = documentation, value.label(name)


async def read_gauges() -> list[Metric]:
    """All of them, and whether the database has told them within LONGEST_SECONDS."""
    found: list[Metric] = []
    try:
        async with asyncio.timeout(LONGEST_SECONDS), async_session() as session:
            row = (await session.execute(select(*(value for _, value in _declared.values())))).one()
        found += (
            GaugeMetricFamily(name, documentation, value)
            for (name, (documentation, _)), value in zip(_declared.items(), row, strict=True)
        )
    except Exception as error:
        logger.warning("The database does not tell its figures: %s", type(error).__name__)
    up = "Whether PostgreSQL has answered when it was asked for its figures."
    return [*found, GaugeMetricFamily("bread_bot_database_up", up, int(bool(found)))]
