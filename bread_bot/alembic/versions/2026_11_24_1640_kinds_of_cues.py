"""kinds of cues

A chat's settings told whether it has keys at all (has_keys); now they tell what its keys are found by.

Revision ID: 7c1d90f2ab36
Revises: eebcc94d4c17
Created: 2026-11-24 16:40:12.318445+00:00
"""

from collections.abc import Sequence

from alembic import op

revision: str = "7c1d90f2ab36"
down_revision: str | None = "eebcc94d4c17"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    # Of a gram of 100 characters its last words are cut off, and three characters may as well be signs: such a cue
    # switches on all that it may be of. One kind too many costs a little time, one too few would silence a key.
    op.execute("""
        UPDATE chat SET settings = chat.settings - 'has_keys' || found.kinds
        FROM (
            SELECT chat_id, jsonb_object_agg(kind, true) AS kinds
            FROM cue
            CROSS JOIN LATERAL (
                SELECT left(cue, 1) AS sign, length(cue) - 1 AS length,
                    cardinality(string_to_array(substr(cue, 2), ' ')) AS words
            ) AS gram
            CROSS JOIN LATERAL (VALUES
                ('cue_whole', sign = '='),
                ('cue_form', sign = '#'),
                ('cue_0', sign = '~' AND length <= 3),
                ('cue_1', sign = '~' AND (words = 1 OR length >= 100)),
                ('cue_2', sign = '~' AND (words = 2 OR length >= 100)),
                ('cue_4', sign = '~' AND (words BETWEEN 3 AND 4 OR length >= 100)),
                ('cue_8', sign = '~' AND (words > 4 OR length >= 100))
            ) AS kinds (kind, is_there)
            WHERE is_there
            GROUP BY chat_id
        ) AS found
        WHERE found.chat_id = chat.id
        """)
    op.execute("UPDATE chat SET settings = settings - 'has_keys' WHERE settings ? 'has_keys'")


def downgrade() -> None:
    op.execute("""
        UPDATE chat SET settings = settings
            - '{cue_whole,cue_form,cue_0,cue_1,cue_2,cue_4,cue_8}'::text[] || '{"has_keys": true}'
        WHERE settings ?| '{cue_whole,cue_form,cue_0,cue_1,cue_2,cue_4,cue_8}'
        """)
