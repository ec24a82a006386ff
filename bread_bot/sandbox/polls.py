"""Polls: how one begins, who may vote, and what the votes add up to."""

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence

from bread_bot.sandbox.refusal import Refusal
from bread_bot.sandbox.world import Json
from bread_bot.utils.text import utf16_length

_MOST_OPTIONS = 12
_QUESTION_LIMIT = 300
_OPTION_LIMIT = 100


def begun(
    question: str,
    options: Sequence[str],
    *,
    is_quiz: bool = False,
    correct: Sequence[int] = (),
    is_anonymous: bool = True,
    is_closed: bool = False,
    takes_many: bool = False,
    is_revocable: bool | None = None,
) -> Json:
    """A Poll without votes.

    :raises Refusal: Telegram takes no such poll
    """
    for is_wrong, reason in (
        (not question.strip(), "poll question must be non-empty"),
        (utf16_length(question) > _QUESTION_LIMIT, f"poll questions length must not exceed {_QUESTION_LIMIT}"),
        (not options, "poll must have at least 1 option"),
        (len(options) > _MOST_OPTIONS, f"poll can't have more than {_MOST_OPTIONS} options"),
        (not all(one.strip() for one in options), "poll options must be non-empty"),
        (
            any(utf16_length(one) > _OPTION_LIMIT for one in options),
            f"poll options length must not exceed {_OPTION_LIMIT}",
        ),
        (is_quiz and not correct, "quiz must have a correct option"),
        (not set(correct) <= set(range(len(options))), "wrong correct option ID specified"),
    ):
        if is_wrong:
            raise Refusal(400, f"Bad Request: {reason}")
    return {
        "id": secrets.token_hex(8),
        "question": question,
        "options": [
            {"persistent_id": str(number), "text": text, "voter_count": 0} for number, text in enumerate(options)
        ],
        "total_voter_count": 0,
        "is_closed": is_closed,
        "is_anonymous": is_anonymous,
        "type": "quiz" if is_quiz else "regular",
        "allows_multiple_answers": takes_many,
        "allows_revoting": not is_quiz if is_revocable is None else is_revocable,
        "members_only": False,
        **({"correct_option_ids": list(correct)} if is_quiz else {}),
    }


def check_vote(poll: Json, before: Sequence[int], chosen: Sequence[int]) -> None:
    """Refuse a vote that the poll does not take, from somebody who voted `before`."""
    if poll["is_closed"]:
        raise Refusal(400, "The poll is closed")
    if before and not poll["allows_revoting"]:
        raise Refusal(400, "The vote can't be changed")
    if len(set(chosen)) < len(chosen) or not set(chosen) <= set(range(len(poll["options"]))):
        raise Refusal(400, "There is no such option")
    if len(chosen) > 1 and not poll["allows_multiple_answers"]:
        raise Refusal(400, "The poll takes one answer")


def counted(poll: Json, votes: Mapping[int, Sequence[int]]) -> Json:
    """The poll with what people have chosen."""
    counts = Counter(option for chosen in votes.values() for option in chosen)
    options = [one | {"voter_count": counts[number]} for number, one in enumerate(poll["options"])]
    return poll | {"options": options, "total_voter_count": sum(bool(chosen) for chosen in votes.values())}
