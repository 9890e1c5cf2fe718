"""The form of a bot in a real browser: override, revert, search, mistakes, two people at once."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests import servers
from tests.e2e.installation import Gateway

pytestmark = [pytest.mark.e2e, pytest.mark.peer]

PATIENCE_MS = 30_000
TIMEOUT = "userNoInputTimeoutMS"


class Form:
    """The form of one bot, open in a page of its own."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.dialog = page.locator("#answer")

    def row(self, name: str) -> Locator:
        return self.page.locator(f"#row-{name}")

    def value(self, name: str) -> Locator:
        return self.page.locator(f"#value-{name}")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def override(self, name: str, value: str) -> None:
        self.row(name).get_by_role("button", name="Override").click()
        expect(self.value(name)).to_be_focused()
        self.value(name).fill(value)


@pytest.fixture
def forms(gateway: Gateway) -> Iterator[tuple[Form, Form]]:
    """Twice the form of a bot below the demo's base, signed in; nothing is complained about."""
    try:
        path = servers.program("chromium")
    except servers.MissingProgram as problem:
        pytest.skip(str(problem))
    complaints: list[str] = []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        context = chromium.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        context.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        context.on("weberror", lambda failure: complaints.append(str(failure.error)))
        page = context.new_page()
        page.goto(f"{gateway.url}/login/")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(gateway.admin_password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        page.goto(f"{gateway.url}/bots/-/new/?base=demo-base")
        page.get_by_label("Name", exact=True).fill("formed")
        page.get_by_role("button", name="Create bot").click()
        expect(page).to_have_url(f"{gateway.url}/bots/formed/")
        other = context.new_page()
        other.goto(f"{gateway.url}/bots/formed/")
        yield Form(page), Form(other)
        chromium.close()
    assert complaints == []


def test_the_form_of_a_bot(forms: tuple[Form, Form]) -> None:
    mine, theirs = forms
    page, row = mine.page, mine.row(TIMEOUT)

    # Override and revert, without a page load.
    page.keyboard.press("/")
    expect(page.locator("#find")).to_be_focused()
    page.keyboard.type("no input")
    expect(mine.row("language")).to_be_hidden()
    expect(mine.value(TIMEOUT)).to_be_disabled()
    row.locator(".value").click()
    expect(mine.value(TIMEOUT)).to_be_focused()
    expect(row.locator(".origin .words")).to_have_text("this bot")
    expect(page.locator("#own-count")).to_contain_text("1 of")
    row.get_by_role("button", name="Revert").click()
    expect(mine.value(TIMEOUT)).to_have_value("6000")
    expect(row.locator(".origin .words")).to_have_text("base demo-base")
    row.locator(".origin").focus()
    expect(row.locator(".chain")).to_be_visible()
    page.keyboard.press("Escape")
    expect(row.locator(".chain")).to_be_hidden()
    page.locator("#find").fill("")

    # A mistake is told at its row; what was typed stays, also a secret when the rows are replaced.
    mine.override(TIMEOUT, "soon")
    secret = mine.row("sendMetaDataPassword")
    secret.get_by_role("button", name="Override").click()
    secret.locator("input[type=password]").fill("geheim")
    page.get_by_label("Speech to text", exact=True).select_option("offline-stt")
    expect(mine.value(TIMEOUT)).to_have_value("soon")
    expect(secret.locator("input[type=password]")).to_have_value("geheim")
    mine.press("Review and save")
    expect(page.locator("#problems")).to_contain_text("One thing keeps this from being stored")
    expect(row.locator("[data-wrong]")).to_have_text("must be a whole number")
    mine.value(TIMEOUT).fill("7000")

    # Somebody else is faster: both changes are beside each other, mine is taken where I say so.
    theirs.override(TIMEOUT, "3000")
    theirs.override("bargeInMinWordCount", "2")
    theirs.press("Review and save")
    theirs.press("Save")
    expect(theirs.page.get_by_text("formed is stored as revision 2")).to_be_visible()
    mine.press("Review and save")
    expect(mine.dialog).to_contain_text("formed was changed meanwhile")
    mine.dialog.locator(f"[name='choose.{TIMEOUT}'][value=mine]").check()
    mine.press("Review the merged change")
    mine.press("Save")
    expect(page.get_by_text("formed is stored as revision 3")).to_be_visible()
    expect(mine.value(TIMEOUT)).to_have_value("7000")
    expect(mine.value("bargeInMinWordCount")).to_have_value("2")
    expect(mine.value("sendMetaDataPassword")).to_have_value("keep")
