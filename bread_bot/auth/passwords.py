"""Passwords: kept as argon2 hashes; made and checked in a thread, so that they stall nothing else."""

import unicodedata

from anyio import CapacityLimiter, to_thread
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

SHORTEST = 12
LONGEST = 200

_hasher = PasswordHash((Argon2Hasher(),))
_room = CapacityLimiter(2)  # each takes 64 MB and a tenth of a second of all cores


def hash_password(password: str) -> str:
    """The hash to keep, for code that may wait for it (0.1 s)."""
    return _hasher.hash(_spelled(password))


async def make_hash(password: str) -> str:
    """The hash to keep."""
    return await to_thread.run_sync(hash_password, password, limiter=_room)


async def check(password: str, kept: str | None) -> tuple[bool, str | None]:
    """Whether a password is right, and a new hash to keep when the kept one is of an older fashion.

    With no kept hash it is wrong, and takes as long: nobody learns by the clock which users there are.
    """
    if kept is None:
        await make_hash(password)
        return False, None
    return await to_thread.run_sync(_hasher.verify_and_update, _spelled(password), kept, limiter=_room)


def _spelled(password: str) -> bytes:
    """The same bytes for the same characters, however a keyboard composes й, and for any text at all."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
