"""python -m bread_bot.benchmark: the server as its own process on one core, against its parts on the same core."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import httpx
import psycopg
import typer

from bread_bot.benchmark.load import CHATS, SECRET, Result, run
from bread_bot.main.database import embedded
from bread_bot.main.settings import BASE_DIR

SERVER, BASELINE, STUB = 18_181, 18_182, 18_183
CHATTER = "обычная болтовня о погоде и о том, кто что ел на обед номер {}"


@contextmanager
def process(name: str, port: int, arguments: list[str], environment: dict[str, str], path: str) -> Iterator[int]:
    """A server on the first core, once it answers; its process id."""
    core = min(os.sched_getaffinity(0))
    with open(os.devnull, "wb") as nowhere:
        started = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=BASE_DIR,
            env=os.environ | environment,
            stdout=nowhere,
            stderr=None,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}{path}").raise_for_status()
                break
            except httpx.HTTPError:
                if started.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{name} does not start") from None
                time.sleep(0.05)
        yield started.pid
    finally:
        started.terminate()
        started.wait(20)


def memory(pid: int) -> float:
    """The resident memory of a process, MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def fill_pack(database: psycopg.Connection[Any], keys: int) -> None:
    """Give every chat a pack of so many substring keys that nobody says."""
    database.execute("DELETE FROM taught")
    database.execute("DELETE FROM cue")
    database.execute(
        """
        INSERT INTO taught (chat_id, reaction, key, normal_key, value, key_digest, digest)
        SELECT -1000 - chat, 'substring', 'ключик' || n, 'ключик' || n, 'да', md5('k' || n), md5('k' || n)
        FROM generate_series(0, %(chats)s - 1) AS chat, generate_series(1, %(keys)s) AS n
        """,
        {"chats": CHATS, "keys": keys},
    )
    database.execute("""
        INSERT INTO cue (chat_id, cue, key_digest)
        SELECT chat_id, '~' || normal_key, key_digest FROM taught
        """)
    database.execute("UPDATE chat SET settings = '{\"has_keys\": true}'")
    database.execute(
        "INSERT INTO taught (chat_id, reaction, key, normal_key, value, key_digest, digest) "
        "SELECT id, 'trigger', 'Привет', 'привет', 'Медвед', 'hello', 'hello' FROM chat"
    )
    database.execute("INSERT INTO cue (chat_id, cue, key_digest) SELECT id, '=привет', 'hello' FROM chat")
    database.execute("ANALYZE")


async def measure(updates: int, large: int) -> dict[str, Any]:
    """All figures, in one run."""
    with tempfile.TemporaryDirectory(prefix="bread_bot-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)
        place = embedded.Place(Path(directory) / "database")
        embedded.ensure_running(place)
        try:
            return await _measure(place, updates, large)
        finally:
            embedded.stop(place)


async def _measure(place: embedded.Place, updates: int, large: int) -> dict[str, Any]:
    telegram = f"http://127.0.0.1:{STUB}"
    address = f"host={place.sockets} port={embedded.PORT} user={embedded.USER} dbname={embedded.DATABASE}"
    environment = {
        "TELEGRAM_BOT_TOKEN": "1:a",
        "TELEGRAM_API_URL": telegram,
        "WEBHOOK_URL": "https://bread.example/",
        "WEBHOOK_SECRET": SECRET,
        "PORT": str(SERVER),
        "WORKERS_COUNT": "1",
        "DB_HOST": str(place.sockets),
        "DB_PORT": str(embedded.PORT),
        "DB_USER": embedded.USER,
        "DB_NAME": embedded.DATABASE,
        "CHAT_RATE": "0",
        "GROUP_RATE": "0",
        "TOTAL_RATE": "0",
        "COMMANDS_PER_MINUTE": "0",
        "LOG_LEVEL": "WARNING",
        "BASELINE_DATABASE": f"postgresql://{embedded.USER}@/{embedded.DATABASE}?host={place.sockets}",
        "BASELINE_TELEGRAM": telegram,
    }
    stub = ["-m", "uvicorn", "bread_bot.benchmark.stub:app", "--port", str(STUB), "--log-level", "warning"]
    baseline = ["-m", "uvicorn", "bread_bot.benchmark.baselines:app", "--port", str(BASELINE), "--no-access-log"]
    results: list[Result] = []
    with process("the stub", STUB, stub, {}, "/count"):
        with process("the baseline", BASELINE, baseline, environment, "/openapi.json"):
            for path in ("a", "b", "c"):
                await run(path, BASELINE, f"/{path}", CHATTER.format, updates // 10)
                results.append(await run(path.upper(), BASELINE, f"/{path}", CHATTER.format, updates))
        with (
            process("the server", SERVER, ["server.py"], environment, "/health/ready") as pid,
            psycopg.connect(address, autocommit=True) as database,
        ):
            await run("warm", SERVER, "/", CHATTER.format, 2000)
            results.append(await run("chatter", SERVER, "/", CHATTER.format, updates))
            for keys in (10, 1000, large):
                fill_pack(database, keys)
                await run("warm", SERVER, "/", CHATTER.format, 500)
                results.append(await run(f"chatter, {keys} keys", SERVER, "/", CHATTER.format, updates))
            results.append(await run("trigger", SERVER, "/", lambda _: "привет", updates))
            results.append(await run("command", SERVER, "/", lambda _: "Хлеб рандом 6", updates // 4))
            committed = _commits(database)
            await run("counted", SERVER, "/", CHATTER.format, 4000)
            return {
                "results": [asdict(one) for one in results],
                "memory_mb": memory(pid),
                "transactions_per_update": (_commits(database) - committed) / 4000,
                "sent": httpx.get(f"{telegram}/count").json()["sent"],
            }


def _commits(database: psycopg.Connection[Any]) -> int:
    database.execute("SELECT pg_stat_force_next_flush()")
    row = database.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])


def show(figures: dict[str, Any]) -> None:
    """A table for people."""
    rates = {one["name"]: one["rate"] for one in figures["results"]}
    print(f"{'':24}{'updates/s':>10}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}{'of A':>7}{'of B':>7}{'of C':>7}")
    for one in figures["results"]:
        shares = "".join(f"{one['rate'] / rates[base]:7.2f}" for base in "ABC")
        bar = "#" * round(one["rate"] / max(rates.values()) * 30)
        print(f"{one['name']:24}{one['rate']:10.0f}{one['p50']:8.1f}{one['p95']:8.1f}{one['p99']:8.1f}{shares}  {bar}")
    print(f"memory {figures['memory_mb']:.0f} MB, {figures['transactions_per_update']:.2f} transactions an update")


def main(
    updates: Annotated[int, typer.Option(help="Updates of each kind")] = 10_000,
    large: Annotated[int, typer.Option(help="Keys of the largest pack of each chat")] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Figures for machines")] = False,
) -> None:
    """Measure the server against its parts, on the same core and in the same run."""
    figures = asyncio.run(measure(updates, large))
    print(json.dumps(figures)) if as_json else show(figures)


if __name__ == "__main__":
    typer.run(main)
