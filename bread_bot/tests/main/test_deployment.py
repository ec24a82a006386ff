"""How the bot is run in production: what Docker, systemd and nginx are told is true, complete, and agrees."""

import json
import os
import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml
from packaging.specifiers import SpecifierSet

import server
from bread_bot.bot import lifespan
from bread_bot.main.database import embedded
from bread_bot.main.settings import BASE_DIR, Connection
from bread_bot.main.settings.default import Settings
from bread_bot.tests.checkout import Checkout, environment, free_port

FIELDS = Settings.model_fields
GRACE_SECONDS = server.GRACE_SECONDS + lifespan.FINISH_SECONDS


def program(name: str) -> str:
    """Where a program is; the test is skipped where it is not installed."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


# ---- Docker


class Image:
    """What the Dockerfile says of one stage."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.instructions: list[tuple[str, str]] = []

    def all(self, name: str) -> list[str]:
        """What stands after each instruction of that name."""
        return [value for one, value in self.instructions if one == name]

    def last(self, name: str) -> str:
        """What stands after the last one, which is the one that counts."""
        return self.all(name)[-1]


@pytest.fixture(scope="module")
def images() -> dict[str, Image]:
    """The stages of the Dockerfile by their names, in their order."""
    text = re.sub(r"^#.*\n", "", (BASE_DIR / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    stages: dict[str, Image] = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if not line.strip():
            continue
        name, value = line.split(None, 1)
        if name == "FROM":
            base, name_of_stage = value.split(" AS ")
            stages[name_of_stage] = image = Image(base)
        else:
            image.instructions.append((name, value))
    return stages


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """The services of docker-compose.yml."""
    found: dict[str, Any] = yaml.safe_load((BASE_DIR / "docker-compose.yml").read_text("utf-8"))["services"]
    return found


def test_hadolint_has_nothing_to_say() -> None:
    done = run(program("hadolint"), BASE_DIR / "Dockerfile")
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_the_images_are_pinned_and_fit(images: dict[str, Image], services: dict[str, Any]) -> None:
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text("utf-8"))["project"]
    name, tag = images["python"].base.split(":")
    assert name == "python" and tag.partition("-")[0] in SpecifierSet(project["requires-python"])
    assert services["database"]["image"].startswith(f"postgres:{embedded._MAJOR}-")  # so that dumps fit either way
    assert {services[name]["image"] for name in ("server", "pgbouncer")} == {
        f"{name}:{project['version']}" for name in ("bread_bot", "bread_bot-pgbouncer")
    }
    assert project["version"] == FIELDS["VERSION"].default
    outside = [image.base for image in images.values() if image.base not in images] + [services["database"]["image"]]
    assert all(":" in one and not one.endswith(":latest") for one in outside)


def test_only_locked_wheels_are_installed(images: dict[str, Image]) -> None:
    (install,) = (one for one in images["build"].all("RUN") if "pip install" in one)
    assert {"--require-hashes", "--only-binary=:all:"} <= set(install.split())
    assert any(one.startswith("requirements/main.txt ") for one in images["build"].all("COPY"))


@pytest.mark.parametrize("name", ["server", "pgbouncer"])
def test_nobody_is_root_and_signals_arrive(images: dict[str, Image], name: str) -> None:
    assert re.fullmatch(r"([1-9]\d+):\1", images[name].last("USER"))
    starts = [images[name].all("ENTRYPOINT"), images[name].all("CMD")]
    assert all(isinstance(json.loads(one), list) for found in starts for one in found)
    assert len(images[name].all("HEALTHCHECK")) == 1


def test_no_secret_gets_into_an_image(images: dict[str, Image]) -> None:
    assert not [one for image in images.values() for one in (*image.all("ARG"), *image.all("ADD"))]
    words = " ".join(value for image in images.values() for _, value in image.instructions)
    assert not [name for name, field in FIELDS.items() if "Secret" in str(field.annotation) and name in words]
    ignored = (BASE_DIR / ".dockerignore").read_text("utf-8").splitlines()
    copied = [one.split() for image in images.values() for one in image.all("COPY") if "--from" not in one]
    sources = {word for words in copied for word in words[:-1] if not word.startswith("--")}
    assert ignored[1] == "*" and {line[1:] for line in ignored if line.startswith("!")} == sources


@pytest.mark.slow
def test_what_is_copied_is_enough(images: dict[str, Image], tmp_path: Path) -> None:
    """The server starts from what the image gets, writes where it may, is found healthy, and ends when it is told."""
    checkout = Checkout(tmp_path)
    for arguments in images["build"].all("COPY"):
        *sources, target = arguments.split()
        for source in sources:
            if target.startswith("/app"):
                _copy(BASE_DIR / source, tmp_path / target.removeprefix("/app").strip("/"))
    for line in (BASE_DIR / ".dockerignore").read_text("utf-8").splitlines():
        if line.startswith("bread_bot/"):
            shutil.rmtree(tmp_path / line)
    written = re.findall(r"MPLCONFIGDIR=/tmp/", images["server"].last("ENV"))
    assert written and json.loads(images["server"].last("CMD")) == ["python", "server.py"]
    assert images["server"].last("WORKDIR") == "/app"
    before = set(tmp_path.iterdir())
    with checkout.served(PYTHONDONTWRITEBYTECODE="1") as address:
        assert httpx.get(f"{address}/sandbox").status_code == 200
        assert _health(images["server"], address).returncode == 0
    assert set(tmp_path.iterdir()) - before == {checkout.database}
    assert _health(images["server"], address).returncode != 0


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _health(image: Image, address: str) -> subprocess.CompletedProcess[str]:
    _, told = image.last("HEALTHCHECK").split(" CMD ")
    program, *arguments = json.loads(told)
    assert program == "python"
    return run(sys.executable, *arguments, env=environment(PORT=address.rpartition(":")[2]))


def test_the_health_check_tells_a_failure(images: dict[str, Image]) -> None:
    with stub(503) as port:
        assert _health(images["server"], f"http://127.0.0.1:{port}").returncode == 1


def test_compose_names_only_what_exists(images: dict[str, Image], services: dict[str, Any]) -> None:
    text = (BASE_DIR / "docker-compose.yml").read_text("utf-8")
    assert set(re.findall(r"\$\{(\w+)", text)) <= set(FIELDS)
    assert set(services["server"]["environment"]) - {"FORWARDED_ALLOW_IPS"} <= set(FIELDS)
    given = services["server"]["environment"]
    Settings(_env_file=None, **{**given, "ENV": "LOCAL"})
    assert {one["build"]["target"] for one in services.values() if "build" in one} <= set(images)
    assert list(images)[-1] == "server"  # what `docker build .` makes
    for service in services.values():
        assert service["restart"] == "unless-stopped"
        for name, how in service.get("depends_on", {}).items():
            assert how == {"condition": "service_healthy"}
            assert "healthcheck" in services[name] or images[name].all("HEALTHCHECK")


def test_the_services_find_each_other(images: dict[str, Image], services: dict[str, Any]) -> None:
    told = {name: service["environment"] for name, service in services.items()}
    bouncer = (BASE_DIR / "pgbouncer" / "pgbouncer.ini").read_text("utf-8")
    assert told["server"]["DB_HOST"] in services and told["pgbouncer"]["DB_HOST"] in services
    assert told["server"]["DB_HOST"] == "pgbouncer" and told["server"]["DB_PGBOUNCER"] == "true"
    assert f"listen_port = {told['server']['DB_PORT']}\n" in bouncer
    assert images["pgbouncer"].last("EXPOSE") == told["server"]["DB_PORT"]
    users = {told["server"]["DB_USER"], told["pgbouncer"]["DB_USER"], told["database"]["POSTGRES_USER"]}
    assert len(users) == 1
    assert told["server"]["DB_NAME"] == told["database"]["POSTGRES_DB"]
    passwords = {told[name][key] for name, key in (("server", "DB_PASSWORD"), ("pgbouncer", "DB_PASSWORD"))}
    assert passwords == {told["database"]["POSTGRES_PASSWORD"]} and "${DB_PASSWORD:?" in passwords.pop()
    port = str(FIELDS["PORT"].default)
    assert images["server"].last("EXPOSE") == told["server"]["PORT"] == port
    assert services["server"]["ports"] == [f"127.0.0.1:${{PORT:-{port}}}:{port}"]
    published = [name for name, service in services.items() if "ports" in service]
    assert published == ["server"]
    assert [one.partition(":")[2] for one in services["database"]["volumes"]] == ["/var/lib/postgresql"]


def test_compose_is_not_for_local_use_alone(services: dict[str, Any]) -> None:
    """Without a word on ENV it is no LOCAL one, so that nobody signs tokens with the key that everybody knows."""
    assert services["server"]["environment"]["ENV"] == "${ENV:-PRODUCTION}"
    seconds = re.fullmatch(r"(\d+)s", services["server"]["stop_grace_period"])
    assert seconds is not None and int(seconds[1]) > GRACE_SECONDS


@pytest.fixture
def bouncer(database: Connection) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The real PgBouncer, started as in its container, and how it is reached, by a password with all signs."""
    program("pgbouncer")
    directory = Path(tempfile.mkdtemp(prefix="bread_bot-"))
    directory.chmod(0o711)
    (temporary := directory / "tmp").mkdir()
    temporary.chmod(0o1777)
    port, password = free_port(), "b\"r e\\a'd$"
    configuration = (BASE_DIR / "pgbouncer" / "pgbouncer.ini").read_text("utf-8")
    assert "listen_port = 6432" in configuration
    (directory / "pgbouncer.ini").write_text(configuration.replace("listen_port = 6432", f"listen_port = {port}"))
    shutil.copy(BASE_DIR / "deploy" / "pgbouncer.sh", directory)
    told = {"DB_HOST": database["host"], "DB_USER": database["user"], "DB_PASSWORD": password}
    address = {"host": "127.0.0.1", "port": port, "dbname": database["database"], "user": database["user"]}
    with subprocess.Popen(
        ["sh", directory / "pgbouncer.sh", directory / "pgbouncer.ini"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment(PATH="/usr/sbin:/usr/bin:/bin", TMPDIR=str(temporary), **told),
        user="nobody" if os.geteuid() == 0 else None,  # it refuses to be root
    ) as process:
        assert process.stderr is not None
        assert any("process up" in line for line in process.stderr)
        yield process, address | {"password": password, "connect_timeout": 5}
        process.kill()
    shutil.rmtree(directory)


def test_pgbouncer_in_its_container(bouncer: tuple[subprocess.Popen[str], dict[str, Any]]) -> None:
    """It asks for the password, limits statements, and ends when Docker tells it to."""
    process, address = bouncer
    with psycopg.connect(**address) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("5s",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed|SASL"):
        psycopg.connect(**address | {"password": "wrong"})
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


# ---- systemd


@pytest.fixture(scope="module")
def unit() -> dict[str, list[str]]:
    """The values of each name in the unit."""
    found: dict[str, list[str]] = {}
    for line in (BASE_DIR / "deploy" / "bread_bot.service").read_text("utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Its own check, and its own mark for how closed the service is: 0 to 100, where 100 is open."""
    analyze = program("systemd-analyze")
    text = (BASE_DIR / "deploy" / "bread_bot.service").read_text("utf-8")
    path = tmp_path / "bread_bot.service"
    path.write_text(text.replace("/opt/bread_bot/.venv/bin/python", sys.executable))
    done = run(analyze, "verify", path)
    assert (done.stderr, done.returncode) == ("", 0)
    assert run(analyze, "security", "--offline=true", "--threshold=20", path).returncode == 0


def test_the_service_has_time_to_end(unit: dict[str, list[str]]) -> None:
    assert int(unit["TimeoutStopSec"][0]) > GRACE_SECONDS
    (waiting,) = unit["ExecStopPost"]
    words = shlex.split(waiting.removeprefix("-"))
    assert float(words[words.index("--timeout") + 1]) > embedded._STOP_SECONDS
    place = embedded.Place(Path(unit["WorkingDirectory"][0]) / ".bread_bot")
    assert str(place.lock) in words and unit["ReadWritePaths"] == [f"-{place.directory}"]


def test_a_wrong_setting_is_not_tried_again(unit: dict[str, list[str]]) -> None:
    done = run(sys.executable, "server.py", cwd=BASE_DIR, env=environment(PORT="none"))
    assert unit["RestartPreventExitStatus"] == [str(done.returncode)]
    assert unit["Restart"] == ["on-failure"]


@pytest.mark.parametrize("name", ["README.md", "README.en.md"])
def test_readme_tells_the_same(name: str, services: dict[str, Any], unit: dict[str, list[str]]) -> None:
    """Its commands name the services of docker-compose.yml, and the places and the user of the unit."""
    text = (BASE_DIR / name).read_text("utf-8")
    named = re.findall(r"docker compose (?:exec|run|stop|start|logs)(?: -\S+)* (\w+)", text)
    assert len(named) > 5 and set(named) <= set(services)
    assert f"PostgreSQL {services['database']['image'].partition(':')[2].partition('-')[0]};" in text
    assert f"`127.0.0.1:{FIELDS['PORT'].default}`" in text
    (user,), (directory,) = unit["User"], unit["WorkingDirectory"]
    assert f"cd {directory} && useradd --system --home-dir {directory} " in text
    assert f"install -d -o {user} -g {unit['Group'][0]} -m 700 .bread_bot\n" in text
    assert f"runuser -u {user} -- .venv/bin/python" in text and f"{directory}/.venv/bin/python " in unit["ExecStart"][0]
    assert unit["EnvironmentFile"][0].removeprefix("-") in text


# ---- nginx


@contextmanager
def stub(status: int = 200) -> Iterator[int]:
    """The port of a server that answers everything with its path and the headers that it has got."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps({"path": self.path, **{name.lower(): value for name, value in self.headers.items()}})
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        yield int(listener.server_address[1])
        listener.shutdown()


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[str]:
    """The address of the real nginx with the example's configuration, before a stub; Telegram is at 127.0.0.2."""
    nginx, openssl = program("nginx"), program("openssl")
    with stub() as upstream:
        port = free_port()
        text = (BASE_DIR / "deploy" / "nginx.conf").read_text("utf-8")
        for old, new in {
            f"server 127.0.0.1:{FIELDS['PORT'].default};": f"server 127.0.0.1:{upstream};",
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "listen 80;": f"listen 127.0.0.1:{free_port()};",
            "listen [::]:443 ssl;": "",
            "listen [::]:80;": "",
            "allow 149.154.160.0/20;": "allow 127.0.0.2;",
            "/etc/letsencrypt/live/bot.example.org": str(tmp_path),
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        run(
            openssl,
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=bot.example.org",
            "-keyout",
            tmp_path / "privkey.pem",
            "-out",
            tmp_path / "fullchain.pem",
        )
        (tmp_path / "nginx.conf").write_text(f"""
            daemon off; master_process off; pid {tmp_path}/nginx.pid; error_log stderr;
            events {{}}
            http {{ access_log off; client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
            fastcgi_temp_path {tmp_path}/fastcgi; uwsgi_temp_path {tmp_path}/uwsgi; scgi_temp_path {tmp_path}/scgi;
            {text} }}
            """)
        command = [nginx, "-e", "stderr", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)]
        checked = run(*command, "-t")
        assert checked.returncode == 0 and "warn" not in checked.stderr, checked.stderr
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            yield f"https://127.0.0.1:{port}"
            process.terminate()


def ask(address: str, source: str, method: str, path: str, content: bytes = b"") -> httpx.Response:
    """Ask nginx from an address of this machine, until it is there."""
    transport = httpx.HTTPTransport(local_address=source, retries=5, verify=_trusting())
    with httpx.Client(transport=transport, headers={"Host": "bot.example.org"}) as client:
        return client.request(method, address + path, content=content)


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def test_nginx_lets_telegram_in_and_keeps_strangers_out(nginx: str) -> None:
    telegram, here = "127.0.0.2", "127.0.0.1"
    passed = ask(nginx, telegram, "POST", "/", b"{}")
    assert passed.status_code == 200
    told = passed.json()
    assert told["x-forwarded-for"] == telegram and told["x-forwarded-proto"] == "https"
    assert told["host"] == "bot.example.org" and told["path"] == "/"
    assert "max-age" in passed.headers["strict-transport-security"]
    assert ask(nginx, here, "POST", "/", b"{}").status_code == 403
    assert ask(nginx, telegram, "GET", "/").status_code == 403
    for path in ("/admin/", "/metrics", "/docs", "/token", "/health/ready", "/sandbox"):
        assert ask(nginx, telegram, "GET", path).status_code == 403, path
        assert ask(nginx, here, "GET", path).status_code == 200, path
    assert ask(nginx, telegram, "GET", "/help").status_code == 200


def test_nginx_has_the_limits_of_the_bot(nginx: str) -> None:
    limit = FIELDS["BODY_LIMIT"].default
    assert ask(nginx, "127.0.0.2", "POST", "/", b" " * limit).status_code == 200
    assert ask(nginx, "127.0.0.2", "POST", "/", b" " * (limit + 1)).status_code == 413


def test_telegram_has_its_two_networks() -> None:
    text = (BASE_DIR / "deploy" / "nginx.conf").read_text("utf-8")
    assert re.findall(r"^ *allow (\d+\.\S+/\d+);", text, re.MULTILINE) == ["149.154.160.0/20", "91.108.4.0/22"]
    assert f"keepalive {FIELDS['WEBHOOK_MAX_CONNECTIONS'].default};" in text
