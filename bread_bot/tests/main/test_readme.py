"""README tells the truth: its settings, its tree, and in both languages the same commands."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bread_bot.main.settings import BASE_DIR
from bread_bot.main.settings.default import Settings

READMES = ["README.md", "README.en.md"]


def _read(name: str) -> str:
    return (BASE_DIR / name).read_text("utf-8")


def _shown(default: Any) -> str:
    if default is None or default == [] or isinstance(default, SecretStr):
        return "—"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return "`" + ",".join(default) + "`"
    return f"`{default}`" if isinstance(default, str | int) else f"`{default:g}`"


@pytest.mark.parametrize("name", READMES)
def test_settings_are_documented(name: str) -> None:
    """The table has every setting of the code with its default, and a meaning."""
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", _read(name), re.MULTILINE)
    documented = {variable: default for variable, default, _ in rows}
    assert documented == {variable: _shown(field.default) for variable, field in Settings.model_fields.items()}
    assert all(len(meaning) > 5 for _, _, meaning in rows)


def test_both_readmes_have_the_same_commands() -> None:
    """Whoever reads only one of them does the same."""
    russian, english = (re.findall(r"```bash\n(.*?)```", _read(name), re.DOTALL) for name in READMES)
    assert [block.strip() for block in russian] == [block.strip() for block in english]
    assert len(russian) > 5


@pytest.mark.parametrize("name", READMES)
def test_the_tree_is_the_real_one(name: str) -> None:
    """Every path that the tree shows exists, and every package and every module of the shown ones is in it."""
    tree = re.search(r"```text\n(.*?)```", _read(name), re.DOTALL)
    assert tree is not None
    shown: set[str] = set()
    parents: list[str] = []
    for line in tree[1].splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        entry, caption = line.split(None, 1) if len(line.split(None, 1)) == 2 else (line.strip(), "")
        parents = [*parents[:depth], entry.rstrip("/")]
        assert caption or entry == "bread_bot/", f"{entry} has no caption"
        shown.add("/".join(parents))
    missing = [path for path in shown if not (BASE_DIR / path).exists()]
    assert not missing
    top = {path.name for path in BASE_DIR.iterdir() if not path.name.startswith(".")} - {"__pycache__", "htmlcov"}
    packages = {f"bread_bot/{path.name}" for path in _packages(BASE_DIR / "bread_bot")}
    modules = {
        f"bread_bot/{package}/{path.name}"
        for package in ("main", "utils", "bot")
        for path in (BASE_DIR / "bread_bot" / package).glob("*.py")
        if path.name != "__init__.py"
    }
    assert (top | packages | modules) - shown == set()


def _packages(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"]
