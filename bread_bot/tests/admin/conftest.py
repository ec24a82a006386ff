"""Who visits the site."""

import pytest

from bread_bot.tests.admin.visitor import Visitor
from bread_bot.tests.auth.people import create_admin
from bread_bot.tests.talk import Talk


@pytest.fixture
async def visitor(talk: Talk) -> Visitor:
    """Somebody who is not signed in."""
    return Visitor(talk.client)


@pytest.fixture
async def admin(visitor: Visitor) -> Visitor:
    """A signed-in admin."""
    await create_admin()
    assert (await visitor.sign_in()).path == "/admin/"
    return visitor
