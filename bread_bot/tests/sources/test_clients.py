"""What the services answer, as they should and as they should not."""

import pytest
from starlette.responses import Response

from bread_bot.main.settings import settings
from bread_bot.sources.clients.base import LONGEST_TEXT, Finding, SourceClient, Unusable
from bread_bot.sources.clients.baneks import Baneks
from bread_bot.sources.clients.evil_insult import EvilInsult
from bread_bot.sources.clients.forismatic import UNKNOWN, Forismatic
from bread_bot.sources.clients.great_advice import GreatAdvice
from bread_bot.tests.sources.conftest import Elsewhere
from bread_bot.utils.base_client import ClientError, StatusError, TooLarge

SITE = "http://elsewhere.test"
PAGE = """<!doctype html><html><head><title>Анек</title><meta name="description" content="Заходит батон"></head>
<body><nav>Все <a href="/">анеки</a></nav><section class="anek-view"><article><h2>Анек #318</h2><p>
    Заходит батон в&nbsp;&laquo;Ромашку&raquo;:<br>— Мне как обычно.<br />
    — Нарезать?</p><p>Вот &lt;так&gt; <b>и</b> живём.</p><script>var joke = 1;</script></article></section>
<footer>2024</footer></body></html>"""
JOKE = "Заходит батон в «Ромашку»:\n— Мне как обычно.\n— Нарезать?\n\nВот <так> и живём."


async def found(client: type[SourceClient], path: str = "/anything") -> Finding:
    return await client(f"{SITE}{path}", timeout=5).find()


@pytest.mark.parametrize(
    ("body", "text", "credit"),
    [
        ('{"quoteText":"Хлеб всему голова. ","quoteAuthor":" Пекарь"}', "Хлеб всему голова.", "Пекарь"),
        (r'{"quoteText":"It\'s \"хлеб\" \\ \u0445","quoteAuthor":"О\'Генри"}', "It's \"хлеб\" \\ х", "О'Генри"),
        ('{"quoteText":"Раз\tдва\nтри","quoteAuthor":""}', "Раз два три", UNKNOWN),
        ('{"quoteText":"Так","quoteAuthor":null}', "Так", UNKNOWN),
        ('{"quoteText":"Так"}', "Так", UNKNOWN),
        ('{"quoteText":"Так","quoteAuthor":["Пекарь"]}', "Так", UNKNOWN),
        ('{"quoteText":"Так","quoteAuthor":"' + "а" * 101 + '"}', "Так", UNKNOWN),
        ('\ufeff{"quoteText":"&laquo;Да&raquo;&nbsp;&mdash; 2 < 3 <i>!</i>","quoteAuthor":"А"}', "«Да» — 2 < 3 !", "А"),
    ],
)
async def test_quote(elsewhere: Elsewhere, body: str, text: str, credit: str) -> None:
    elsewhere.answers_with(body)
    assert await found(Forismatic) == Finding(text, credit)


async def test_joke(elsewhere: Elsewhere) -> None:
    elsewhere.answers_with(PAGE, media_type="text/html")
    assert await found(Baneks) == Finding(JOKE, "baneks.ru")


@pytest.mark.parametrize(
    "page",
    [
        "<article><p>Батон. И точка.</p></article>",
        "<main><h1>Анекдоты</h1>Батон. И точка.<form><button>Ещё</button></form></main>",
        "<div class='anek-view'>Анек #5<br>Батон. И точка.",
        "<html><body><article>Батон. И точка.<style>p {color: red}</style></article><article>Другой</article>",
    ],
)
async def test_joke_on_a_page_that_looks_otherwise(elsewhere: Elsewhere, page: str) -> None:
    elsewhere.answers_with(page, media_type="text/html")
    assert (await found(Baneks)).text == "Батон. И точка."


async def test_joke_after_a_redirect(elsewhere: Elsewhere) -> None:
    there = Response(status_code=302, headers={"location": "/318"})
    elsewhere.answers_with(there, Response(PAGE, media_type="text/html"))
    assert (await found(Baneks, "/random")).text == JOKE
    assert [request.url.path for request in elsewhere.requests] == ["/random", "/318"]


async def test_advice(elsewhere: Elsewhere) -> None:
    elsewhere.answers_with('{"id":12,"text":"Пеки,&nbsp;блин,&#160;хлеб!<br/>Каждый&shy; день.","sound":""}')
    assert await found(GreatAdvice) == Finding("Пеки, блин, хлеб!\nКаждый день.")


async def test_insult(elsewhere: Elsewhere) -> None:
    elsewhere.answers_with('{"number":"1","insult":"You&#039;re &quot;toast&quot;.\\r\\n\\r\\n\\r\\n\\r\\nBurnt."}')
    assert await found(EvilInsult) == Finding("You're \"toast\".\n\nBurnt.")


@pytest.mark.parametrize("client", [Forismatic, GreatAdvice, EvilInsult])
@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "null",
        "42",
        '"хлеб"',
        "true",
        "{}",
        "[]",
        '[{"text": "хлеб", "quoteText": "хлеб", "insult": "хлеб"}]',
        "[" * 50_000,
        "\\",
        b"\xff\xfe\x00",
        "<html><body><h1>Скоро вернёмся</h1></body></html>",
        *(
            f'{{"text": {value}, "quoteText": {value}, "insult": {value}}}'
            for value in (
                "null", "7", '""', '" \\n "', '["хлеб"]', '{"хлеб": 1}', '"&nbsp;<br>"', '"..."', '"<b></b>"',
                '"<script>хлеб()</script>"', '"\\ud800"', f'"{"а" * (LONGEST_TEXT + 1)}"', '"хлеб',
            )
        ),
    ],
)
async def test_nonsense_is_refused(elsewhere: Elsewhere, client: type[SourceClient], body: str | bytes) -> None:
    elsewhere.answers_with(body)
    with pytest.raises(Unusable):
        await found(client)


@pytest.mark.parametrize(
    "page",
    [
        "",
        "<html></html>",
        "<p>Технические работы</p>",
        "<article></article>",
        "<article><h2>Анек #7</h2><p>&nbsp;</p></article>",
        f"<article>{'а' * (LONGEST_TEXT + 1)}</article>",
        b"<article>\xcf\xf0\xe8\xe2\xe5\xf2</article>",
    ],
)
async def test_page_without_a_joke_is_refused(elsewhere: Elsewhere, page: str | bytes) -> None:
    elsewhere.answers_with(page, media_type="text/html")
    with pytest.raises(Unusable):
        await found(Baneks)


@pytest.mark.parametrize(
    ("client", "body", "media_type"),
    [
        (Baneks, PAGE, "application/json"),
        (Baneks, PAGE, "image/png"),
        (GreatAdvice, '{"text": "хлеб"}', "image/png"),
        (GreatAdvice, '{"text": "хлеб"}', "application/octet-stream"),
    ],
)
async def test_wrong_content_type_is_refused(
    elsewhere: Elsewhere, client: type[SourceClient], body: str, media_type: str
) -> None:
    elsewhere.answers_with(body, media_type=media_type)
    with pytest.raises(Unusable):
        await found(client)


@pytest.mark.parametrize("media_type", ["application/json", "text/html", "text/javascript", None])
async def test_json_may_be_mislabelled(elsewhere: Elsewhere, media_type: str | None) -> None:
    elsewhere.answers_with(Response('{"text": "хлеб"}', media_type=media_type))
    assert (await found(GreatAdvice)).text == "хлеб"


@pytest.mark.parametrize("client", [Forismatic, Baneks, GreatAdvice, EvilInsult])
async def test_errors_are_refused(elsewhere: Elsewhere, client: type[SourceClient]) -> None:
    elsewhere.answers_with(Response("{}", status_code=500))
    with pytest.raises(StatusError):
        await found(client)
    elsewhere.answers_with("ы" * 60_000)
    with pytest.raises(TooLarge):
        await found(client)
    elsewhere.answers_with(Response(status_code=302, headers={"location": "/round/and/round"}))
    with pytest.raises(ClientError):
        await found(client)


async def test_deeply_nested_page_keeps_nobody_waiting(elsewhere: Elsewhere) -> None:
    elsewhere.answers_with(f"<article>{'<div>' * 19_000}хлеб", media_type="text/html")
    assert (await found(Baneks)).text == "хлеб"


@pytest.mark.parametrize(
    ("client", "address", "asked"),
    [
        (Forismatic, "", "/api/1.0/?method=getQuote&format=json&lang=ru"),
        (Forismatic, "/api/1.0/", "/api/1.0/?method=getQuote&format=json&lang=ru"),
        (Forismatic, "/mine?lang=en", "/mine?lang=en&method=getQuote&format=json"),
        (Baneks, "/", "/random"),
        (Baneks, "/random", "/random"),
        (Baneks, "/any?top=1", "/any?top=1"),
        (GreatAdvice, "", "/api/random"),
        (GreatAdvice, "/api/random", "/api/random"),
        (EvilInsult, "", "/generate_insult.php?lang=en&type=json"),
        (EvilInsult, "/insult", "/insult?lang=en&type=json"),
    ],
)
async def test_address(elsewhere: Elsewhere, client: type[SourceClient], address: str, asked: str) -> None:
    elsewhere.answers_with(Response(status_code=500))
    with pytest.raises(StatusError):
        await found(client, address)
    (request,) = elsewhere.requests
    assert str(request.url) == SITE + asked


def test_default_addresses_are_those_of_the_services() -> None:
    defaults = {name: str(field.default) for name, field in type(settings).model_fields.items()}
    assert defaults["FORISMATIC_URL"].endswith(Forismatic.PATH)
    assert defaults["BANEKS_URL"].endswith(Baneks.PATH)
    assert defaults["ADVICE_URL"].endswith(GreatAdvice.PATH)
    assert defaults["INSULT_URL"].endswith(EvilInsult.PATH)


def test_a_finding_reads_as_the_answer() -> None:
    assert str(Finding("Хлеб")) == "Хлеб"
    assert str(Finding("Хлеб", "Пекарь")) == "Хлеб\n\n© Пекарь"
