"""cues by bytes

Revision ID: e52c9b7d4f18
Revises: b3f6a1c85e07
Created: 2026-11-24 17:25:41.660723+00:00
"""

from collections.abc import Sequence

from alembic import op

revision: str = "e52c9b7d4f18"
down_revision: str | None = "b3f6a1c85e07"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.execute('ALTER TABLE cue ALTER COLUMN cue TYPE text COLLATE "C"')


def downgrade() -> None:
    op.execute('ALTER TABLE cue ALTER COLUMN cue TYPE text COLLATE "default"')
