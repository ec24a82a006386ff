"""index of days

Revision ID: b3f6a1c85e07
Revises: 7c1d90f2ab36
Created: 2026-11-24 16:45:03.902117+00:00
"""

from collections.abc import Sequence

from alembic import op

revision: str = "b3f6a1c85e07"
down_revision: str | None = "7c1d90f2ab36"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_index(op.f("ix_activity_day"), "activity", ["day"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_activity_day"), table_name="activity")
