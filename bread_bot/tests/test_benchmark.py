"""python -m bread_bot.benchmark still measures all that it tells of; how fast things are is no test's matter."""

import json
import os
import subprocess
import sys

import pytest

from bread_bot.main.settings import BASE_DIR


@pytest.mark.slow
def test_it_measures() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DB_", "TELEGRAM_"))}
    done = subprocess.run(
        [sys.executable, "-m", "bread_bot.benchmark", "--updates", "200", "--large", "100", "--json"],
        cwd=BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    figures = {one["name"]: one for one in measured["figures"]}
    assert [*figures][:4] == ["A", "B", "C", "chatter"]
    assert {"chatter, 100 keys", "one chat, 100 keys", "trigger", "command"} <= figures.keys()
    assert all(one["rate"] > 0 and one["times"]["p50"] <= one["times"]["p99"] for one in figures.values())
    assert 0 < figures["chatter"]["round_trips"] < 4
    assert figures["trigger"]["answers"]["p50"] > 0
    assert len(measured["memory_mb"]) == 5
    assert measured["workers"].keys() == {"one worker, one core", "one worker, two cores", "two workers, two cores"}
    assert all(0 < seconds < 60 for seconds in measured["start_to_answer_seconds"].values())
