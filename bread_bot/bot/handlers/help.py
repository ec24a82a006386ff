"""help: all commands by group, or one of them with all it takes."""

from collections.abc import Iterable

from bread_bot.bot.answers import Answer, Button, Edit, Reply
from bread_bot.bot.arguments import Question
from bread_bot.bot.command import Command, CommandTable, button, command
from bread_bot.bot.context import Context
from bread_bot.main.settings import settings

ALL = "all"
_HINT = "Подробно о команде: «{name} help кто»."


@command("help", "hlep", "хелп", "помощь", slash="help", examples=["Хлеб help", "Хлеб help кто", "Хлеб помощь"])
async def answer_help(context: Context, alias: Question | None = None) -> Reply:
    """Рассказать, что умеет бот; с именем команды — подробно о ней."""
    if alias is None:
        return Answer(overview(context.table), buttons=_buttons(context.table, None))
    found = context.table.named(alias)
    return (
        explain(found)
        if found is not None
        else f"Команды «{alias}» я не знаю. Все команды: «{settings.BOT_NAME} help»."
    )


@command("start", slash="start", examples=["/start"])
async def answer_start(context: Context) -> Reply:
    """Познакомиться."""
    return Answer(
        f"Привет! Я {settings.BOT_NAME}, бот для своих. Научи меня: «{settings.BOT_NAME} добавь триггер "
        "Привет=Медвед», а потом скажи «Привет». Что я ещё умею, расскажут кнопки.",
        buttons=_buttons(context.table, ALL),
    )


@button("help")
async def turn_page(context: Context, group: str) -> Reply:
    """Show one group of commands; anybody in the chat may turn the pages, since the page tells nobody's secrets."""
    groups = grouped(context.table)
    if group not in groups:
        return Edit(overview(context.table), _buttons(context.table, None))
    told = [f"{one.name} — {one.summary}\n«{one.shown_examples[0]}»" for one in groups[group]]
    return Edit("\n\n".join([f"{group}:", *told]), _buttons(context.table, group))


def grouped(table: CommandTable) -> dict[str, list[Command]]:
    """The commands by the title of their app, in the order of APP_MODULES."""
    groups: dict[str, list[Command]] = {}
    for one in table.commands:
        groups.setdefault(table.title(one), []).append(one)
    return groups


def overview(table: CommandTable) -> str:
    """All commands by group, one line each."""
    parts = []
    for group, commands in grouped(table).items():
        parts.append("\n".join([f"{group}:", *_lines(commands)]))
    return "\n\n".join([f"Обращайся: «{settings.BOT_NAME}, …».", *parts, _HINT.format(name=settings.BOT_NAME)])


def explain(one: Command) -> str:
    """One command: its aliases, what it does, what it takes, and examples."""
    form = one.signature.form
    lines = [", ".join([*one.aliases, f"/{one.slash}"]), one.help]
    if form:
        lines.append(f"Слова: {form}")
    lines.append("Например: " + "; ".join(f"«{example}»" for example in one.shown_examples))
    return "\n".join(lines)


def _lines(commands: Iterable[Command]) -> Iterable[str]:
    return (f"{one.name} — {one.summary}" for one in commands)


def _buttons(table: CommandTable, current: str | None) -> tuple[tuple[Button, ...], ...]:
    groups = [Button(group, f"help {group}") for group in grouped(table) if group != current]
    if current is not None:
        groups.append(Button("Все команды", f"help {ALL}"))
    return tuple(tuple(groups[start : start + 2]) for start in range(0, len(groups), 2))
