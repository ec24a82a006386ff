"""What can go wrong between an update and its answer."""


class CommandError(Exception):
    """A command can't be done: its text is said to the member, and what the command did is rolled back."""


class UsageError(CommandError):
    """The words after a command are not what it takes: an example is said along."""


class MalformedUpdate(Exception):
    """A webhook's body is not an Update; the text tells what is wrong with it."""


class AdministratorsUnknown(Exception):
    """A handler needs to know the chat's administrators, and Telegram must be asked first."""


class TelegramError(Exception):
    """The Bot API refused a call, or could not be reached."""

    def __init__(self, description: str, *, code: int | None = None) -> None:
        super().__init__(description)
        self.description = description
        self.code = code


class TelegramUnavailable(TelegramError):
    """The network, a timeout, or a failure of Telegram's own: the same call may succeed later."""


class TooManyRequests(TelegramError):
    """Telegram asks to wait `retry_after` seconds."""

    def __init__(self, description: str, *, retry_after: float) -> None:
        super().__init__(description, code=429)
        self.retry_after = retry_after


class Unauthorized(TelegramError):
    """The bot's token is not valid."""


class Forbidden(TelegramError):
    """The bot was blocked, kicked, or may not write there."""


class BadRequest(TelegramError):
    """The call is wrong; repeating it changes nothing."""


class ChatMigrated(BadRequest):
    """The group has become a supergroup with the id `chat_id`."""

    def __init__(self, description: str, *, chat_id: int) -> None:
        super().__init__(description, code=400)
        self.chat_id = chat_id


class ThreadGone(BadRequest):
    """The forum topic to answer in is closed or deleted."""


class FileGone(BadRequest):
    """The file_id of a medium is not valid any more."""
