"""The web application: middlewares, the apps' routes, and what runs beside them."""

import asyncio
import gc
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.routing import Route

from bread_bot.main import apps, routes
from bread_bot.main.database.base import dispose_engines, get_engine, is_unavailable
from bread_bot.main.settings import settings
from bread_bot.utils.base_client import close_pool, open_pool
from bread_bot.utils.json_logger import configure_logging
from bread_bot.utils.middlewares import RequestMiddleware, install_exception_handlers
from bread_bot.utils.structs import ErrorBody
from bread_bot.utils.tracing import configure_tracing, shutdown_tracing


@contextmanager
def _parent_watched() -> Iterator[None]:
    """Stop this worker when the process that started it is gone, killed perhaps: nobody else would stop it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_reader(parent.sentinel, os.kill, os.getpid(), signal.SIGTERM)
    yield
    loop.remove_reader(parent.sentinel)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open what all apps share, then the apps in their order; close it all the other way round."""
    app.state.started = asyncio.Event()  # set when all apps are open: from then on requests are served
    async with AsyncExitStack() as stack:
        stack.enter_context(_parent_watched())
        configure_tracing()
        stack.push_async_callback(shutdown_tracing)
        get_engine()
        stack.push_async_callback(dispose_engines)
        open_pool()
        stack.push_async_callback(close_pool)
        for app_lifespan in app.state.lifespans:
            await stack.enter_async_context(app_lifespan(app))
        app.state.started.set()
        yield


def create_app() -> FastAPI:
    """Build the application from the apps in APP_MODULES.

    :raises AppError: one of them can't be used
    :raises DeclarationError: two of them claim the same word
    """
    configure_logging()
    apps.import_models()
    app = FastAPI(
        title="Bread Bot",
        summary="Хлебушек: a Telegram bot for local chats",
        version=settings.VERSION,
        lifespan=lifespan,
        docs_url="/docs" if settings.DOCS_ENABLED else None,
        redoc_url="/redoc" if settings.DOCS_ENABLED else None,
        openapi_url="/openapi.json" if settings.DOCS_ENABLED else None,
        responses={422: {"model": ErrorBody, "description": "The request is not valid"}},
        telemetry={"tracing": False, "metrics": False, "logs": False},  # OpenTelemetry's; OpenCensus traces here
    )
    app.state.commands = apps.commands()
    app.state.lifespans = apps.lifespans()
    install_exception_handlers(app, is_unavailable)
    if settings.CORS_ALLOW_ORIGINS:
        app.add_middleware(
            CORSMiddleware, allow_origins=settings.CORS_ALLOW_ORIGINS, allow_methods=["*"], allow_headers=["*"]
        )
    app.add_middleware(RequestMiddleware)
    # A request walks through the routers until one fits, and nearly all requests are updates: / comes first.
    for router in sorted([routes.router, *apps.routers()], key=_serves_root, reverse=True):
        app.include_router(router)
    for mount in apps.mounts():
        mount(app)
    return app


def _serves_root(router: APIRouter) -> bool:
    return any(isinstance(route, Route) and route.path == "/" for route in router.routes)


def _spare_collector() -> None:
    """Keep the garbage collector from looking again and again through what lives as long as the server.

    Its passes took a third of an update's time, and each full one held all chats up for 0.1 s.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 10, 10)


def __getattr__(name: str) -> FastAPI:
    """`app` is built when the server asks for it, not when this module is imported for its functions."""
    if name == "app":
        globals()["app"] = create_app()
        _spare_collector()
        return globals()["app"]  # type: ignore[no-any-return]
    raise AttributeError(name)
