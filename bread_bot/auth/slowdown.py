"""Repeated failures to sign in are slowed down, by user and by address; all workers count together."""

from datetime import datetime, timedelta
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from math import ceil

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from bread_bot.auth.models import SignInFailure

# So many failures are free, then each doubles the pause. An address may be that of a whole office.
FREE_BY_USER = 5
FREE_BY_ADDRESS = 20
LONGEST_PAUSE = timedelta(minutes=5)
FORGOTTEN_AFTER = timedelta(days=1)

# Names and addresses are not kept, and however many are tried, the table stays small.
_BUCKETS = 2**17


class Attempt:
    """An attempt to sign in.

    It counts as failed from its beginning until it succeeds: many at once get no more guesses than one after another.
    """

    def __init__(self, username: str, address: str) -> None:
        self._user = _bucket("user", username)
        self._address = _bucket("address", _network(address))

    async def begin(self, session: AsyncSession) -> int:
        """Count it, unless there were too many before it: then the number of seconds to wait, else 0."""
        buckets = [{"bucket": bucket} for bucket in sorted({self._user, self._address})]
        statement = insert(SignInFailure).values(buckets)
        found = await session.execute(
            # changes nothing, but locks and returns also the rows that were there
            statement.on_conflict_do_update(
                index_elements=[SignInFailure.bucket], set_={"bucket": statement.excluded.bucket}
            ).returning(SignInFailure, func.now())
        )
        rows = [(row, now) for row, now in found]
        seconds = max(ceil(self._pause(row, now).total_seconds()) for row, now in rows)
        if seconds <= 0:
            for row, now in rows:
                row.failures = row.failures + 1 if now - row.last_at < FORGOTTEN_AFTER else 1
                row.last_at = now
        return max(seconds, 0)

    async def succeed(self, session: AsyncSession) -> None:
        """Forget the user's failures, and of the address's this one.

        Were they all forgotten, whoever has a password of their own could go on guessing those of others.
        """
        await session.execute(delete(SignInFailure).where(SignInFailure.bucket == self._user))
        await session.execute(
            update(SignInFailure)
            .where(SignInFailure.bucket == self._address, SignInFailure.failures > 0)
            .values(failures=SignInFailure.failures - 1)
        )

    def _pause(self, row: SignInFailure, now: datetime) -> timedelta:
        free = FREE_BY_USER if row.bucket == self._user else FREE_BY_ADDRESS
        if row.failures < free:
            return timedelta()
        doubled = timedelta(seconds=2 ** min(row.failures - free, 20))
        return row.last_at + min(doubled, LONGEST_PAUSE) - now


async def forget_old(session: AsyncSession) -> None:
    """Delete what is too old to count."""
    old = select(SignInFailure.bucket).where(SignInFailure.last_at < func.now() - FORGOTTEN_AFTER)
    await session.execute(
        delete(SignInFailure)
        .where(SignInFailure.bucket.in_(old.with_for_update(skip_locked=True)))
        .execution_options(synchronize_session=False)
    )


def _bucket(kind: str, name: str) -> int:
    digest = sha256(f"{kind} {name.lower()}".encode()).digest()
    return int.from_bytes(digest[:8]) % _BUCKETS


def _network(address: str) -> str:
    """What belongs to one client: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or int(parsed) >> 64)
    return str(parsed)
