"""A real HTTP server on loopback, for what sends."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson

DEADLINE = 10.0


@dataclass(frozen=True)
class Arrived:
    """A request that has reached the server."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return orjson.loads(self.body)


@dataclass(frozen=True)
class Answered:
    """What the server answers."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)


class Endpoint:
    """A server that keeps what arrives, answers as it is told, and can go down and come back at the same port."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.answer: Callable[[Arrived], Answered] = lambda _: Answered()
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, at the port of before if there was one."""
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                arrived = Arrived(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                with endpoint._changed:
                    endpoint.arrived.append(arrived)
                    endpoint._changed.notify_all()
                answered = endpoint.answer(arrived)
                self.send_response(answered.status)
                for name, value in {"content-length": str(len(answered.body)), **answered.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answered.body)

            do_GET = do_POST = _serve

            def log_message(self, format: str, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # the client has gone, as some tests want it to

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def wait(self, is_there: Callable[[list[Arrived]], bool]) -> None:
        """Return once what has arrived is what is awaited."""
        with self._changed:
            assert self._changed.wait_for(lambda: is_there(self.arrived), DEADLINE), self.arrived
