"""python -m bread_bot.benchmark: the server as its own process on one core, against its parts on the same core."""

import asyncio
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import httpx
import psycopg
import typer

from bread_bot.benchmark.load import CHATS, CONCURRENCY, SECRET, Run, Times, post
from bread_bot.benchmark.machinery import confined, counted, memory, process
from bread_bot.main.database import embedded
from bread_bot.main.settings import BASE_DIR

SERVER, BASELINE, STUB, COUNTED = 18_181, 18_182, 18_183, 18_184
TELEGRAM = f"http://127.0.0.1:{STUB}"
MEMORY_STEPS = 5
TURNS = 3
TWO = "two workers, two cores"

CHATTER = "обычная болтовня о погоде и о том, кто что ел на обед номер {}"
TEXTS: dict[str, Callable[[int], str]] = {
    "chatter": CHATTER.format,
    "trigger": lambda _: "привет",
    "command": lambda _: "Хлеб рандом 6",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """One line of the table: updates a second and their times; from an update to its answer; SQL round trips of one."""

    name: str
    rate: float
    times: Times
    answers: Times | None = None
    round_trips: float | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """What is posted, in how many chats, with how many keys in each pack."""

    name: str
    kind: str = "chatter"
    keys: int = 0
    chats: int = CHATS

    @property
    def is_answered(self) -> bool:
        """Whether the bot says something."""
        return self.kind != "chatter"

    @property
    def is_quick(self) -> bool:
        """Whether there is time for all updates."""
        return not self.is_answered and self.chats == CHATS


class Benchmark:
    """One run of it all, in a directory of its own."""

    def __init__(self, directory: Path, updates: int, large: int) -> None:
        self.directory = directory
        self.updates = updates
        self.large = large
        self.place = embedded.Place(directory / "database")
        self.core = min(os.sched_getaffinity(0))
        self.figures: list[Figures] = []
        self.filled = 0
        self.environment = {
            "TELEGRAM_BOT_TOKEN": "1:a",
            "TELEGRAM_API_URL": TELEGRAM,
            "WEBHOOK_URL": "https://bread.example/",
            "WEBHOOK_SECRET": SECRET,
            "PORT": str(SERVER),
            "WORKERS_COUNT": "1",
            "CHAT_RATE": "0",
            "GROUP_RATE": "0",
            "TOTAL_RATE": "0",
            "COMMANDS_PER_MINUTE": "0",
            "LOG_LEVEL": "WARNING",
        }
        self.database = {
            "DB_HOST": str(self.place.sockets),
            "DB_PORT": str(embedded.PORT),
            "DB_USER": embedded.USER,
            "DB_NAME": embedded.DATABASE,
        }

    async def measure(self) -> dict[str, Any]:
        """All figures."""
        embedded.ensure_running(self.place)
        stub = ["-m", "uvicorn", "bread_bot.benchmark.stub:app", "--port", str(STUB), "--log-level", "error"]
        try:
            async with process(stub, {}, f"{TELEGRAM}/answers"):
                await self._measure_baselines()
                started = {"with PostgreSQL running, the schema to be made": await self._start(BASE_DIR, self.database)}
                memories = await self._measure_server()
                workers = await self._measure_workers()
                started["with PostgreSQL running"] = await self._start(BASE_DIR, self.database)
                started["first start, embedded PostgreSQL"] = await self._start(self._checkout(), {})
        finally:
            embedded.stop(self.place)
        return {
            "figures": [asdict(one) for one in self.figures],
            "memory_mb": memories,
            "workers": workers,
            "start_to_answer_seconds": started,
        }

    async def _measure_baselines(self) -> None:
        environment = {
            "BASELINE_DATABASE": f"postgresql://{embedded.USER}@/{embedded.DATABASE}?host={self.place.sockets}",
            "BASELINE_TELEGRAM": TELEGRAM,
        }
        arguments = ["-m", "uvicorn", "bread_bot.benchmark.baselines:app", "--port", str(BASELINE)]
        quiet = ["--no-access-log", "--log-level", "error"]
        async with process([*arguments, *quiet], environment, f"http://127.0.0.1:{BASELINE}/openapi.json", {self.core}):
            for name in "ABC":
                await post(BASELINE, f"/{name.lower()}", CHATTER.format, self.updates // 10)
                run = await post(BASELINE, f"/{name.lower()}", CHATTER.format, self.updates)
                self.figures.append(Figures(name, run.rate, run.times))

    async def _measure_server(self) -> list[float]:
        """Every kind of update, and the memory as ten times as many come in."""
        stages = [Stage("chatter")]
        for keys in (10, 1_000, self.large):
            stages += [Stage(f"chatter, {keys} keys", keys=keys), Stage(f"one chat, {keys} keys", keys=keys, chats=1)]
        stages += [Stage("trigger", "trigger", 10), Stage("command", "command", 10)]
        counted_updates = self.updates // 10
        socket = self.place.sockets / f".s.PGSQL.{embedded.PORT}"
        through = self.database | {"DB_HOST": str(self.directory / "counted"), "PORT": str(COUNTED)}
        async with process(["server.py"], self.environment | self.database, _ready(SERVER), {self.core}) as pid:
            async with counted(socket, self.directory / "counted") as trips:
                async with process(["server.py"], self.environment | through, _ready(COUNTED)):
                    for stage in stages:
                        if stage.keys:
                            self._fill_packs(stage.keys)
                        await post(SERVER, "/", CHATTER.format, self.updates // 5)
                        few = self.updates // (1 if stage.is_quick else 4)
                        run = await post(SERVER, "/", TEXTS[stage.kind], few, chats=stage.chats)
                        answers = await self._answers(run) if stage.is_answered else None
                        before = trips.count
                        await post(COUNTED, "/", TEXTS[stage.kind], counted_updates, chats=stage.chats)
                        if stage.is_answered:
                            await asyncio.sleep(1)  # the results of the last answers are noted, too
                        each = (trips.count - before) / counted_updates
                        self.figures.append(Figures(stage.name, run.rate, run.times, answers, each))
            memories = []
            for _ in range(MEMORY_STEPS):
                await post(SERVER, "/", CHATTER.format, self.updates * 10 // MEMORY_STEPS)
                memories.append(memory(pid))
        return memories

    def _fill_packs(self, keys: int) -> None:
        if self.filled == keys:
            return
        self.filled = keys
        where = f"host={self.place.sockets} user={embedded.USER} dbname={embedded.DATABASE}"
        with psycopg.connect(where, autocommit=True) as database:
            fill_packs(database, keys)

    async def _answers(self, run: Run) -> Times:
        """From the post of an update to its answer at the stub; waits for the last one."""
        answered: dict[int, float] = {}
        async with httpx.AsyncClient() as client:
            while run.posted.keys() - answered.keys():
                await asyncio.sleep(0.2)
                told = (await client.get(f"{TELEGRAM}/answers")).json()
                answered.update((int(number), moment) for number, moment in told.items())
        return Times.of([answered[number] - moment for number, moment in run.posted.items()])

    async def _measure_workers(self) -> dict[str, float]:
        """Updates a second of chatter, server, PostgreSQL and load sharing the cores; medians of turns.

        Always so many at once that each of two workers has as many as one has elsewhere.
        """
        load = {"concurrency": 2 * CONCURRENCY, "chats": 2 * CHATS}
        first, *others = sorted(os.sched_getaffinity(0))
        both = {first, *others[:1]}
        stages = {"one worker, one core": (1, {first}), "one worker, two cores": (1, both), TWO: (2, both)}
        rates: dict[str, list[float]] = {name: [] for name in stages}
        for _ in range(TURNS):
            for name, (workers, cores) in stages.items():
                environment = self.environment | self.database | {"WORKERS_COUNT": str(workers)}
                with confined(cores, self.place.data):
                    async with process(["server.py"], environment, _ready(SERVER)):
                        await post(SERVER, "/", CHATTER.format, self.updates // 2, **load)
                        rates[name].append((await post(SERVER, "/", CHATTER.format, self.updates, **load)).rate)
        return {name: median(some) for name, some in rates.items()}

    async def _start(self, directory: Path, database: dict[str, str]) -> float:
        """Seconds from the start of a server to its first answer at the stub."""
        began = time.monotonic()
        async with process(["server.py"], self.environment | database, _ready(SERVER), directory=directory):
            run = await post(SERVER, "/", TEXTS["command"], 1, 1)
            [(number, posted)] = run.posted.items()
            return posted - began + (await self._answers(run)).p50 / 1000

    def _checkout(self) -> Path:
        """A copy of the program that has never been started."""
        directory = self.directory / "checkout"
        skipped = shutil.ignore_patterns("tests", "__pycache__")
        shutil.copytree(BASE_DIR / "bread_bot", directory / "bread_bot", ignore=skipped)
        for name in ("server.py", "alembic.ini"):
            shutil.copy(BASE_DIR / name, directory)
        return directory


def _ready(port: int) -> str:
    return f"http://127.0.0.1:{port}/health/ready"


def fill_packs(database: psycopg.Connection[Any], keys: int) -> None:
    """Give every chat a pack of so many substring keys that nobody says, and one trigger."""
    database.execute("TRUNCATE taught, cue")
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
    kinds = {f"cue_{kind}": True for kind in ("whole", "form", 1, 2)}  # as if some keys were of two words
    database.execute("UPDATE chat SET settings = %s", [json.dumps(kinds)])
    database.execute(
        "INSERT INTO taught (chat_id, reaction, key, normal_key, value, key_digest, digest) "
        "SELECT id, 'trigger', 'Привет', 'привет', 'Медвед', 'hello', 'hello' FROM chat"
    )
    database.execute("INSERT INTO cue (chat_id, cue, key_digest) SELECT id, '=привет', 'hello' FROM chat")
    database.execute("VACUUM ANALYZE taught, cue, chat")


def show(measured: dict[str, Any]) -> None:
    """A table and a plot for people."""
    figures = measured["figures"]
    rates = {one["name"]: one["rate"] for one in figures}
    print(
        f"{'':22}{'updates/s':>10}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}{'of A':>7}{'of B':>7}{'of C':>7}"
        f"{'answer p50':>12}{'p99 ms':>8}{'SQL trips':>11}"
    )
    for one in figures:
        times, answers, trips = one["times"], one["answers"], one["round_trips"]
        shares = "".join(f"{one['rate'] / rates[base]:7.2f}" for base in "ABC")
        print(
            f"{one['name']:22}{one['rate']:10.0f}{times['p50']:8.1f}{times['p95']:8.1f}{times['p99']:8.1f}{shares}"
            + (f"{answers['p50']:12.1f}{answers['p99']:8.1f}" if answers else " " * 20)
            + (f"{trips:11.2f}" if trips is not None else "")
        )
    print()
    for name, rate in rates.items():
        print(f"{name:22}{rate:8.0f}  {'█' * round(rate / max(rates.values()) * 60)}")
    print()
    workers = measured["workers"]
    for name, rate in workers.items():
        more = f", {workers[TWO] / rate:.2f} times as many by {TWO}" if name != TWO else ""
        print(f"{name:22}{rate:8.0f}/s{more}")
    print("memory, MB, at the end:", ", ".join(f"{one:.0f}" for one in measured["memory_mb"]))
    for name, seconds in measured["start_to_answer_seconds"].items():
        print(f"start to first answer, {name}: {seconds:.1f} s")


def main(
    updates: Annotated[int, typer.Option(help="Updates of each kind")] = 10_000,
    large: Annotated[int, typer.Option(help="Keys of the largest pack of each chat")] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Figures for machines")] = False,
) -> None:
    """Measure the server against its parts, on the same core and in the same run."""
    with tempfile.TemporaryDirectory(prefix="bread_bot-", ignore_cleanup_errors=True) as directory:
        Path(directory).chmod(0o711)  # PostgreSQL's user must get in
        measured = asyncio.run(Benchmark(Path(directory), updates, large).measure())
    print(json.dumps(measured)) if as_json else show(measured)


if __name__ == "__main__":
    typer.run(main)
