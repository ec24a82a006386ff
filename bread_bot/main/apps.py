"""Walks the packages named in APP_MODULES, collects what they declare: tables, routes, commands, lifespans, a site."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from types import ModuleType

from fastapi import APIRouter, FastAPI

from bread_bot.bot.command import CommandTable
from bread_bot.main.settings import settings

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Mount = Callable[[FastAPI], None]


class AppError(Exception):
    """An app named in APP_MODULES can't be used; the text says which and why."""


def import_models() -> None:
    """Import the tables of all apps, and the sandbox's in any case, so that they stand in Base.metadata."""
    _modules("models")
    _import("bread_bot.sandbox.models")


def routers() -> list[APIRouter]:
    """The routers of all apps."""
    return [value for module in _modules("routes") for value in _own(module, APIRouter)]


def commands() -> CommandTable:
    """The commands, listeners and buttons of all apps.

    :raises DeclarationError: two of them claim the same word
    """
    return CommandTable.collect(_modules("handlers"), {app: title(app) for app in settings.APP_MODULES})


def lifespans() -> list[Lifespan]:
    """What the apps keep running while the server serves."""
    return [module.lifespan for module in _modules("lifespan")]


def mounts() -> list[Mount]:
    """What the apps add to the application besides routes: `mount` of their module `site`."""
    return [module.mount for module in _modules("site")]


def title(app: str) -> str:
    """What an app is called in help: `TITLE` of its package, else the package's name."""
    return str(getattr(_import(app), "TITLE", app.rpartition(".")[2]))


def _modules(part: str) -> Sequence[ModuleType]:
    return [module for app in settings.APP_MODULES for module in _walk(app, part)]


def _walk(app: str, part: str) -> Iterator[ModuleType]:
    """An app's module or package of that name with all below it; nothing where the app has none."""
    package = _import(app)
    if not any(found.name == part for found in pkgutil.iter_modules(getattr(package, "__path__", []))):
        return
    top = _import(f"{app}.{part}")
    yield top
    for found in pkgutil.walk_packages(getattr(top, "__path__", []), f"{top.__name__}."):
        yield _import(found.name)


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            raise AppError(f"APP_MODULES: there is no package {error.name!r}. Is it misspelt?") from None
        raise AppError(f"APP_MODULES: {name} can't be imported: {error}") from error
    except Exception as error:
        raise AppError(f"APP_MODULES: {name} can't be imported: {type(error).__name__}: {error}") from error


def _own(module: ModuleType, kind: type[APIRouter]) -> Iterator[APIRouter]:
    """The module's own routers, not those that it imports from another module."""
    value = getattr(module, "router", None)
    if isinstance(value, kind):
        yield value
