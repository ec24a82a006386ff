"""Every setting: read from the environment or .env, typed, and checked once, at start."""

import re
import sys
from collections.abc import Iterable
from math import ceil
from pathlib import Path
from typing import Annotated, Any, NoReturn, NotRequired, TypedDict

from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

BASE_DIR = Path(__file__).resolve().parents[3]
LOCAL_SECRET_KEY = "for-this-machine-only-never-for-production"
ENCODING = "utf-8-sig"
LONGEST_SHOWN = 80


class Connection(TypedDict):
    """How a PostgreSQL server is reached; `is_running` is set once the embedded one has been started."""

    database: str
    user: str
    password: str | None
    host: str
    port: int
    is_running: NotRequired[bool]


def _allowed(what: str) -> WrapValidator:
    """Say what a setting allows instead of which of the checks it failed."""

    def check(value: object, validate: ValidatorFunctionWrapHandler) -> object:
        try:
            return validate(value)
        except ValueError:
            raise ValueError(what) from None

    return WrapValidator(check)


def _fits(pattern: str) -> AfterValidator:
    def check(value: str | SecretStr) -> str | SecretStr:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not re.fullmatch(pattern, text):
            raise ValueError
        return value

    return AfterValidator(check)


def _checked_address(value: str) -> str:
    TypeAdapter(HttpUrl).validate_python(value)
    return value


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _bare_username(name: str) -> str:
    return name.removeprefix("@").lower()


Flag = Annotated[bool, _allowed("true or false")]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1), _allowed("a whole number, 1 or more")]
Limit = Annotated[int, Field(ge=0), _allowed("a whole number, 0 or more")]
Rate = Annotated[float, Field(ge=0, allow_inf_nan=False), _allowed("a number, 0 or more")]
Share = Annotated[float, Field(ge=0, le=1), _allowed("a number from 0 to 1")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), _allowed("a number of seconds above 0")]
Port = Annotated[int, Field(ge=1, le=65535), _allowed("a port, a whole number from 1 to 65535")]
Connections = Annotated[int, Field(ge=1, le=100), _allowed("a whole number from 1 to 100")]
Address = Annotated[str, AfterValidator(_checked_address), _allowed("an address that begins with http:// or https://")]
Environment = Annotated[
    str, BeforeValidator(str.upper), _fits("[A-Z][A-Z0-9_-]*"), _allowed("a name of letters, digits, _ and -")
]
LogLevel = Annotated[
    str,
    BeforeValidator(str.upper),
    _fits("DEBUG|INFO|WARNING|ERROR|CRITICAL"),
    _allowed("DEBUG, INFO, WARNING, ERROR or CRITICAL"),
]
Names = Annotated[list[str], NoDecode, BeforeValidator(_split), _allowed("a comma list of names")]
Usernames = Annotated[
    list[Annotated[str, AfterValidator(_bare_username), _fits("[0-9a-z_]+")]],
    NoDecode,
    BeforeValidator(_split),
    _allowed("a comma list of user ids and usernames"),
]
Origins = Annotated[
    list[Annotated[str, _fits(r"\*|https?://[^/,\s]+")]],
    NoDecode,
    BeforeValidator(_split),
    _allowed("a comma list of origins such as https://example.org"),
]
Modules = Annotated[
    list[Annotated[str, _fits(r"(?!bread_bot\.sandbox\b)[^\W\d]\w*(\.[^\W\d]\w*)*")]],
    NoDecode,
    BeforeValidator(_split),
    _allowed(
        "a comma list of packages such as bread_bot.bot; the sandbox is on where there is no token, and only there"
    ),
]
BotToken = Annotated[
    SecretStr, _fits("[0-9]+:[A-Za-z0-9_-]+"), _allowed("a token of @BotFather: digits, a colon, then A-Z a-z 0-9 _ -")
]
WebhookSecret = Annotated[SecretStr, _fits("[A-Za-z0-9_-]{1,256}"), _allowed("1 to 256 characters of A-Z a-z 0-9 _ -")]
MetricsToken = Annotated[
    SecretStr, _fits("[A-Za-z0-9._~+/-]{16,}=*"), _allowed("at least 16 characters of A-Z a-z 0-9 . _ ~ + / -")
]
AzureConnection = Annotated[
    SecretStr,
    _fits(r"(?i)(.*;)?\s*InstrumentationKey=[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*(;.*)?"),
    _allowed("a connection string with InstrumentationKey=<uuid>"),
]


class Settings(BaseSettings):
    """The settings by the names of their environment variables; an empty value means the default."""

    model_config = SettingsConfigDict(env_file_encoding=ENCODING, extra="ignore", case_sensitive=True)

    APP_NAME: Text = Field("bread_bot", description="Name in logs and traces")
    ENV: Environment = Field("LOCAL", description="Environment; anything but LOCAL needs a SECRET_KEY of its own")
    VERSION: Text = Field("1.0.0", description="Version in logs and in the API's description")
    DEBUG: Flag = Field(False, description="Log the bodies of requests, masked")
    HOST: str | None = Field(None, description="Address to listen on; 127.0.0.1 in the sandbox, 0.0.0.0 with a token")
    PORT: Port = Field(8080, description="Port to listen on")
    WORKERS_COUNT: Count = Field(1, description="Server processes")
    LOG_LEVEL: LogLevel = Field("INFO", description="Least level that is logged")
    AUTO_MASK_LOGS: Flag = Field(True, description="Mask secret and personal values in logs")
    DOCS_ENABLED: Flag = Field(True, description="Serve /docs, /redoc and /openapi.json")
    CORS_ALLOW_ORIGINS: Origins = Field([], description="Origins whose pages may call the API, a comma list")
    BODY_LIMIT: Count = Field(1_048_576, description="Longest request body, bytes")
    SECRET_KEY: SecretStr = Field(
        SecretStr(LOCAL_SECRET_KEY), description="Signs the API's tokens; at least 32 characters outside of LOCAL"
    )
    ACCESS_TOKEN_MINUTES: Count = Field(60, description="Life of an API token, minutes")
    APP_MODULES: Modules = Field(
        [
            "bread_bot.auth",
            "bread_bot.bot",
            "bread_bot.packs",
            "bread_bot.people",
            "bread_bot.fun",
            "bread_bot.sources",
            "bread_bot.nonsense",
            "bread_bot.my_app",
            "bread_bot.admin",
        ],
        description="Apps that are switched on, a comma list",
    )

    DB_HOST: str | None = Field(None, description="PostgreSQL's host; without any DB_HOST … DB_PASSWORD it is embedded")
    DB_PORT: Port | None = Field(None, description="PostgreSQL's port; 5432 with another server")
    DB_NAME: str | None = Field(None, description="Database; bread_bot with another server")
    DB_USER: str | None = Field(None, description="User of the database; bread_bot with another server")
    DB_PASSWORD: SecretStr | None = Field(None, description="Password of that user")
    DB_MAX_POOL: Count = Field(20, description="Connections that all workers may hold together")
    DB_PGBOUNCER: Flag = Field(False, description="The server is a PgBouncer in transaction mode")
    DB_CONNECT_TIMEOUT: Seconds = Field(5, description="Longest wait for a new connection, seconds")
    DB_POOL_TIMEOUT: Seconds = Field(5, description="Longest wait for a free connection of the pool, seconds")
    DB_STATEMENT_TIMEOUT: Seconds = Field(5, description="Longest statement, seconds")
    DB_ECHO: Flag = Field(False, description="Log every SQL statement")

    TELEGRAM_BOT_TOKEN: BotToken | None = Field(
        None, description="Token of @BotFather; without it python server.py opens the sandbox"
    )
    TELEGRAM_API_URL: Address = Field("https://api.telegram.org", description="Address of the Bot API")
    WEBHOOK_URL: Address | None = Field(None, description="Public address of the server; without it the bot polls")
    WEBHOOK_SECRET: WebhookSecret | None = Field(
        None, description="What Telegram shows with every update; made up and kept when not set"
    )
    WEBHOOK_MAX_CONNECTIONS: Connections = Field(40, description="Updates that Telegram delivers at once")

    BOT_NAME: Text = Field("Хлеб", description="Name that the bot answers to")
    ALTER_NAMES: Names = Field(["хлебушек", "bread_bot"], description="Its other names, a comma list")
    IGNORED_USERS: Usernames = Field([], description="Ids or usernames that are never answered, a comma list")
    SHOW_STR_LIMIT: Count = Field(100, description="Length that taught texts are cut to when shown")
    MEMBER_DAYS: Count = Field(10, description="Days that somebody who wrote counts as a member")
    MAX_KEYS: Count = Field(100_000, description="Values that one chat may teach")
    MAX_LIST: Count = Field(100, description="Items of a list in a command")
    COMMANDS_PER_MINUTE: Limit = Field(60, description="Commands of one member in a chat a minute; 0: any number")
    MAX_DEFERRED: Count = Field(5, description="Slow commands of a chat that may wait")

    MAX_ATTEMPTS: Count = Field(5, description="Failures after which an update is set aside")
    HANDLED_HOURS: Count = Field(48, description="Hours that handled updates are remembered")
    OUTBOX_HOURS: Count = Field(24, description="Hours that an answer is tried again")
    LEASE_SECONDS: Count = Field(20, description="Seconds after which a silent process counts as dead")
    CHAT_RATE: Rate = Field(1, description="Messages a second to one chat; 0: any number")
    CHAT_BURST: Count = Field(5, description="Messages that may go to a chat at once before that")
    GROUP_RATE: Limit = Field(20, description="Messages a minute to one group; 0: any number")
    TOTAL_RATE: Limit = Field(30, description="Messages a second in all; 0: any number")

    FORISMATIC_URL: Address = Field("https://api.forismatic.com/api/1.0/", description="Source of quotes")
    BANEKS_URL: Address = Field("https://baneks.ru/random", description="Source of jokes")
    ADVICE_URL: Address = Field("https://fucking-great-advice.ru/api/random", description="Source of advice")
    INSULT_URL: Address = Field("https://evilinsult.com/generate_insult.php", description="Source of insults")
    SOURCE_TIMEOUT: Seconds = Field(3, description="Longest wait for a source, seconds")

    METRICS_TOKEN: MetricsToken | None = Field(
        None, description="What Prometheus shows as bearer token at /metrics; without it only admins see them"
    )
    ENABLE_TELEMETRY: Flag = Field(False, description="Trace requests")
    APPLICATIONINSIGHTS_CONNECTION_STRING: AzureConnection | None = Field(None, description="Azure to send traces to")
    ZIPKIN_URL: Address | None = Field(
        None, description="Zipkin to send traces to, such as http://localhost:9411/api/v2/spans"
    )
    TRACE_SAMPLING_RATE: Share = Field(1, description="Share of the requests that is traced")

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_default(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[str(info.field_name)]
        return field.default if value == "" and not isinstance(field.default, list) else value

    @field_validator("SECRET_KEY")
    @classmethod
    def _own_key(cls, key: SecretStr, info: ValidationInfo) -> SecretStr:
        is_own = key.get_secret_value() != LOCAL_SECRET_KEY and len(key.get_secret_value()) >= 32
        if not is_own and info.data.get("ENV") != "LOCAL":
            raise ValueError("outside of ENV=LOCAL your own random text of at least 32 characters")
        return key

    @property
    def is_database_embedded(self) -> bool:
        """Whether the server starts its own PostgreSQL, because no other one is named."""
        named = (self.DB_HOST, self.DB_PORT, self.DB_NAME, self.DB_USER, self.DB_PASSWORD)
        return all(value is None for value in named)

    @property
    def connection(self) -> Connection:
        """Where the database is, with defaults for what is not set."""
        return Connection(
            database=self.DB_NAME or "bread_bot",
            user=self.DB_USER or "bread_bot",
            password=self.DB_PASSWORD.get_secret_value() if self.DB_PASSWORD else None,
            host=self.DB_HOST or "localhost",
            port=self.DB_PORT or 5432,
        )

    @property
    def pool_size(self) -> int:
        """How many connections one worker may hold."""
        return max(ceil(self.DB_MAX_POOL / self.WORKERS_COUNT), 1)


def load(env_file: Path = BASE_DIR / ".env") -> Settings:
    """Read the settings; wrong ones end the program with a line each on stderr and exit status 2."""
    try:
        _check_syntax(env_file)
        return Settings(_env_file=env_file)
    except ValidationError as error:
        _stop(_explain(one) for one in error.errors())
    except (OSError, ValueError) as error:
        _stop([f"{env_file} can't be read: {getattr(error, 'strerror', None) or error}"])


def _check_syntax(env_file: Path) -> None:
    if not env_file.exists():
        return
    with env_file.open(encoding=ENCODING) as stream:
        for binding in parse_stream(stream):
            if binding.error:
                raise ValueError(f"line {binding.original.line} is not NAME=value")


def _explain(error: ErrorDetails) -> str:
    name = str(error["loc"][0])
    is_secret = "SecretStr" in str(Settings.model_fields[name].annotation)
    value = "<hidden>" if is_secret else _shown(error["input"])
    return f"{name}={value} is wrong; allowed: {error['msg'].removeprefix('Value error, ')}"


def _shown(value: object) -> str:
    text = re.sub(r"//[^/@]*@", "//<hidden>@", repr(value))
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def _stop(lines: Iterable[str]) -> NoReturn:
    for line in lines:
        print(f"Settings: {line}", file=sys.stderr)
    raise SystemExit(2)
