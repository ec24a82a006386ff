"""A strict Telegram for tests.

schema: what the Bot API's data says of methods and types; fake: a Bot API at the HTTP border; updates: what people do,
as updates; generate: random updates of every kind.
"""
