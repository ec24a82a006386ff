"""Apps are named in APP_MODULES; a wrong one fails at start with its reason; a new one takes five minutes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from bread_bot.bot.command import DeclarationError, command
from bread_bot.bot.context import Context
from bread_bot.main import apps
from bread_bot.main.settings import BASE_DIR, settings
from bread_bot.main.webserver import create_app


def _write(folder: Path, name: str, handlers: str) -> None:
    package = folder / name / "handlers"
    package.mkdir(parents=True)
    (folder / name / "__init__.py").write_text("")
    (package / "__init__.py").write_text(handlers)


HEAD = "from bread_bot.bot.command import command\nfrom bread_bot.bot.context import Context\n"


def test_a_misspelt_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is told."""
    for name in ("bread_bot.bott", "no_such_package.app"):
        monkeypatch.setattr(settings, "APP_MODULES", [name])
        with pytest.raises(apps.AppError, match="misspelt"):
            apps.commands()


def test_a_broken_app(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The reason is told."""
    monkeypatch.syspath_prepend(tmp_path)
    _write(tmp_path, "broken_app", "1 / 0")
    _write(tmp_path, "needy_app", "import no_such_library")
    for name, reason in (("broken_app", "ZeroDivisionError"), ("needy_app", "no_such_library")):
        monkeypatch.setattr(settings, "APP_MODULES", [name])
        with pytest.raises(apps.AppError, match=reason):
            apps.commands()


async def test_a_site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An app may mount one."""
    monkeypatch.syspath_prepend(tmp_path)
    _write(tmp_path, "shop_app", "")
    (tmp_path / "shop_app" / "site.py").write_text(
        "from starlette.responses import PlainTextResponse\n"
        "def mount(app):\n    app.mount('/shop', PlainTextResponse('bread'))\n"
    )
    monkeypatch.setattr(settings, "APP_MODULES", ["bread_bot.bot", "shop_app"])
    transport = httpx.ASGITransport(create_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://bread.example") as client:
        assert (await client.get("/shop/")).text == "bread"


def test_a_doubled_alias(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both functions are named."""
    monkeypatch.syspath_prepend(tmp_path)
    _write(
        tmp_path,
        "doubling_app",
        HEAD + '@command("Кто", slash="who_else", examples=["Хлеб кто"])\n'
        'async def ask_again(context: Context) -> str:\n    """Ещё раз."""\n    return ""\n',
    )
    monkeypatch.setattr(settings, "APP_MODULES", [*settings.APP_MODULES, "doubling_app"])
    with pytest.raises(DeclarationError, match=r"people.*answer_who.*doubling_app.*ask_again"):
        apps.commands()


def test_a_command_says_what_it_does() -> None:
    """No docstring, no alias, no example, a Cyrillic slash name, an unreadable parameter: told when it is declared."""

    async def silent(context: Context) -> str:
        return ""

    async def told(context: Context) -> str:
        """Сказано."""
        return ""

    async def unreadable(context: Context, words: dict[str, int]) -> str:
        """Сказано."""
        return ""

    for declare in (
        lambda: command("a", slash="a", examples=["a"])(silent),
        lambda: command(slash="a", examples=["a"])(told),
        lambda: command("a", slash="кто", examples=["a"])(told),
        lambda: command("a", slash="a", examples=[])(told),
        lambda: command("a", slash="a", examples=["a"])(unreadable),
    ):
        with pytest.raises(DeclarationError):
            declare()


@pytest.mark.slow
def test_a_new_app_in_five_minutes(tmp_path: Path) -> None:
    """README's section is walked, word for word, in a copy of the checkout."""
    checkout = tmp_path / "checkout"
    ignored = shutil.ignore_patterns(".git", ".venv", ".bread_bot", "__pycache__", ".*_cache", ".hypothesis", "htmlcov")
    shutil.copytree(BASE_DIR, checkout, ignore=ignored)
    section = re.search(r"## Добавь приложение.*?(?=\n## )", (BASE_DIR / "README.md").read_text("utf-8"), re.DOTALL)
    assert section is not None
    blocks = re.findall(r"```bash\n(.*?)```", section[0], re.DOTALL)
    modules = ",".join([*settings.APP_MODULES, "bread_bot.bakery"])
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DB_", "TELEGRAM_", "COV"))
    }
    environment |= {"APP_MODULES": modules, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(checkout)
    for block in blocks:
        subprocess.run(["bash", "-euc", block], cwd=checkout, env=environment, check=True, capture_output=True)
    told = (
        "from bread_bot.main import apps; from bread_bot.main.database.base import Base; apps.import_models();"
        "print('loaf' in Base.metadata.tables, apps.commands().find('буханка Ржаная')[0].name,"
        " any(route.path == '/bakery/loaves' for router in apps.routers() for route in router.routes))"
    )
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=checkout, env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == ["True", "буханка", "True"]
    subprocess.run(["alembic", "check"], cwd=checkout, env=environment, check=True, capture_output=True)
