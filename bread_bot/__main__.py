"""python -m bread_bot: the operator's commands."""

from bread_bot.main.commands import main

main()
