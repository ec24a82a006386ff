"""requirements/*.txt are what poetry.lock says, and neither names a registry."""

import re
import tomllib

import pytest

from bread_bot.main.settings import BASE_DIR


def _locked() -> dict[str, tuple[str, set[str], list[str]]]:
    with open(BASE_DIR / "poetry.lock", "rb") as file:
        packages = tomllib.load(file)["package"]
    return {
        one["name"].lower().replace("_", "-"): (one["version"], {f["hash"] for f in one["files"]}, one["groups"])
        for one in packages
    }


def _required(name: str) -> dict[str, tuple[str, set[str]]]:
    text = (BASE_DIR / "requirements" / name).read_text("utf-8").replace("\\\n", " ")
    found = {}
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", line)
        if match is not None:
            key = match[1].lower().replace("_", "-").replace(".", "-")
            found[key] = (match[2], set(re.findall(r"--hash=(\S+)", line)))
    return found


@pytest.mark.parametrize(("name", "groups"), [("main.txt", {"main"}), ("dev.txt", {"main", "dev"})])
def test_requirements_agree_with_the_lock(name: str, groups: set[str]) -> None:
    """The same versions and hashes of the same packages."""
    locked = {
        package: (version, hashes)
        for package, (version, hashes, used) in _locked().items()
        if groups.intersection(used)
    }
    locked = {package.replace(".", "-"): value for package, value in locked.items()}
    assert _required(name) == locked


def test_no_registry_is_named() -> None:
    """A lock without sources works with every index."""
    for name in ("poetry.lock", "requirements/main.txt", "requirements/dev.txt", "pyproject.toml"):
        text = (BASE_DIR / name).read_text("utf-8")
        assert "[package.source]" not in text
        assert not re.search(r"index-url|https?://\S*(simple|pypi)", text), name
