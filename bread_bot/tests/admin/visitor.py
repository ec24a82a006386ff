"""Somebody who uses the site without a browser: opens pages, fills in forms, presses buttons."""

from typing import Any

import httpx
from selectolax.lexbor import LexborHTMLParser, LexborNode

from bread_bot.tests.auth.people import PASSWORD

TOKEN_COOKIE = "starlette_admin_csrftoken"


class Page(LexborHTMLParser):
    """A page that was opened."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.text)
        self.response = response

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    @property
    def path(self) -> str:
        """Where it is."""
        return self.response.url.path

    def texts(self, selector: str) -> list[str]:
        """What stands in the elements."""
        return [one.text(strip=True) for one in self.css(selector)]

    def column(self, name: str) -> list[str]:
        """What stands in a column of a list."""
        return self.texts(f'td[data-column="{name}"]')

    @property
    def told(self) -> list[str]:
        """The messages on it."""
        return self.texts(".alert-description")

    @property
    def errors(self) -> list[str]:
        """What is wrong with the fields of its form."""
        return self.texts("form [id$=-error]")

    def value(self, name: str) -> str:
        """What a field of its form holds."""
        field = self.css_first(f'form [name="{name}"]')
        assert field is not None
        return (field.text() if field.tag == "textarea" else field.attributes.get("value")) or ""


class Visitor:
    """A visitor, with the client's cookies."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    @property
    def token(self) -> str:
        """What shows that a request comes from a page of the site."""
        return self.client.cookies[TOKEN_COOKIE]

    async def open(self, path: str = "/", **query: str | int | None) -> Page:
        """Open a page of the site."""
        return Page(await self.client.get(f"/admin{path}", params=query or None, follow_redirects=True))

    async def sign_in(self, username: str = "admin", password: str = PASSWORD, path: str = "/") -> Page:
        """Sign in, on the way to a page."""
        return await self.submit(await self.open(path), username=username, password=password)

    async def submit(self, page: Page, **fields: str) -> Page:
        """Fill in and send the form of a page as a browser does."""
        form = next(one for one in page.css("form") if one.css_first("[name=csrftoken]") and not _is_sign_out(one))
        data = {name: value for field in form.css("[name]") for name, value in _sent(field)} | fields
        address = form.attributes["action"]
        assert address is not None
        return Page(await self.client.post(address, data=data, follow_redirects=True))

    async def sign_out(self, page: Page) -> Page:
        """Press the button for it."""
        form = next(one for one in page.css("form") if _is_sign_out(one))
        data = {name: value for field in form.css("[name]") for name, value in _sent(field)}
        return Page(await self.client.post(str(form.attributes["action"]), data=data, follow_redirects=True))

    async def act(self, view: str, action: str, number: object, **headers: str) -> httpx.Response:
        """Press a button of a row, as the page's script does."""
        query = {"pk": str(number), "name": action}
        headers = {"X-CSRFToken": self.token} | headers
        return await self.client.post(f"/admin/_api/{view}/row-action", params=query, headers=headers)

    async def act_on_several(self, view: str, action: str, *numbers: object) -> httpx.Response:
        """Press a button for the rows that are ticked."""
        query: dict[str, Any] = {"pks": [str(number) for number in numbers], "name": action}
        return await self.client.post(f"/admin/_api/{view}/action", params=query, headers={"X-CSRFToken": self.token})


def _is_sign_out(form: LexborNode) -> bool:
    return str(form.attributes["action"]).endswith("/logout")


def _sent(field: LexborNode) -> list[tuple[str, str]]:
    name = str(field.attributes["name"])
    if field.tag == "textarea":
        return [(name, field.text())]
    if field.attributes.get("type") == "checkbox" and "checked" not in field.attributes:
        return []
    return [(name, field.attributes.get("value") or ("on" if field.attributes.get("type") == "checkbox" else ""))]
