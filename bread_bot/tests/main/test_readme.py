"""README tells the truth: settings, tree, links, symptoms, and in both languages the same commands."""

import ast
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bread_bot.main.settings import BASE_DIR
from bread_bot.main.settings.default import Settings, load
from bread_bot.tests.command_line import bread_bot

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


@pytest.mark.parametrize("name", READMES)
def test_links_lead_somewhere(name: str) -> None:
    """Every chapter and every file that is linked exists."""
    text = _read(name)
    titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE)
    anchors = {"#" + re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
    links = re.findall(r"(?:\]\(|src=\")([^)\"]+)", text)
    inside = {link for link in links if link.startswith("#")}
    files = {link for link in links if not link.startswith(("#", "http"))}
    assert len(inside) > 10 and len(files) > 5
    assert inside - anchors == set()
    assert [link for link in files if not (BASE_DIR / link).exists()] == []


def test_settings_for_production_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands write a .env that is enough, with a key of its own."""
    (block,) = re.findall(r"<!-- production settings -->\n```bash\n(.*?)```", _read("README.md"), re.DOTALL)
    subprocess.run(["bash", "-euo", "pipefail", "-c", block], cwd=tmp_path, check=True)
    for variable in Settings.model_fields:
        monkeypatch.delenv(variable, raising=False)
    settings = load(tmp_path / ".env")
    assert settings.ENV == "PRODUCTION" and settings.is_database_embedded
    assert len(settings.SECRET_KEY.get_secret_value()) >= 48


async def test_every_command_is_in_the_table() -> None:
    """The operator's commands are those that the program has."""
    done = await bread_bot("--help")
    there = set(re.findall(r"^│ ([a-z][a-z-]*)  ", done.output, re.MULTILINE))
    for name in READMES:
        (table,) = re.findall(r"^\| `python -m bread_bot …` \|.*\n((?:\|.*\n)+)", _read(name), re.MULTILINE)
        assert set(re.findall(r"^\| `([a-z-]+)", table, re.MULTILINE)) == there


# What uvicorn says, and what is put together of parts.
_NOT_IN_THE_CODE = {"address already in use", "POST / 403", "sendMessage: HTTP 429"}


def test_symptoms_are_the_program_s_own_words() -> None:
    """What troubleshooting quotes is said somewhere in the code, as are metrics; both languages quote the same."""
    russian, english = (_quotes(name) for name in READMES)
    assert russian == english and len(russian) > 20
    said = _said()
    assert set(re.findall(r"`(bread_bot_\w+)`", _read("README.md"))) <= set(said)
    for quote in russian:
        parts = [part for part in quote.split("…") if part.strip()]
        assert quote in _NOT_IN_THE_CODE or all(_is_said(part, said) for part in parts), quote


def _quotes(name: str) -> list[str]:
    (chapter,) = re.findall(r"<!-- symptoms -->(.*?)<!-- /symptoms -->", _read(name), re.DOTALL)
    seen = [row.split(" | ")[0] for row in re.findall(r"^\| (.+) \|$", chapter, re.MULTILINE)]
    quotes = [quote for one in seen for quote in re.findall(r"`([^`]+)`", one)]
    return [quote for quote in quotes if " " in quote]


def _said() -> list[str]:
    """Every text in the code, with what is put into it as %s."""
    texts = []
    for path in [BASE_DIR / "server.py", *(BASE_DIR / "bread_bot").rglob("*.py")]:
        if "tests" not in path.relative_to(BASE_DIR).parts:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value.replace("`", ""))
                elif isinstance(node, ast.JoinedStr):
                    parts = (str(one.value) if isinstance(one, ast.Constant) else "%s" for one in node.values)
                    texts.append("".join(parts))
    return texts


def _is_said(part: str, said: list[str]) -> bool:
    if any(part.strip() in text for text in said):
        return True
    templates = (
        re.escape(text).replace("%s", ".*") for text in said if "%s" in text and len(text.replace("%s", "")) > 16
    )
    return any(re.fullmatch(template, part) for template in templates)


def _packages(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and path.name != "__pycache__"]
