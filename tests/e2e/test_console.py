"""The console in a real browser, beside a real call."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests import servers
from tests.e2e.installation import ROOT, Gateway

pytestmark = [pytest.mark.e2e, pytest.mark.peer]

PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    try:
        path = servers.program("chromium")
    except servers.MissingProgram as problem:
        pytest.skip(str(problem))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """A signed-in page that remembers what the browser complained about."""

    def __init__(self, browser: Browser, gateway: Gateway, width: int, theme: str) -> None:
        self.gateway = gateway
        scheme = {"color_scheme": theme, "viewport": {"width": width, "height": 900}}
        self.page: Page = browser.new_page(**scheme)  # type: ignore[arg-type]  # its own literals
        self.page.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)

    def sign_in(self) -> None:
        self.page.goto(self.gateway.url)
        self.page.get_by_label("Name").fill("admin")
        self.page.get_by_label("Password").fill(self.gateway.admin_password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("heading", name="Dashboard")).to_be_visible()
        self.page.goto(f"{self.gateway.url}/live/")

    def _hear(self, message: object) -> None:
        if getattr(message, "type", "") in ("error", "warning"):
            self.complaints.append(getattr(message, "text", ""))


@pytest.fixture
def visit(chromium: Browser, gateway: Gateway) -> Iterator[Visit]:
    visit = Visit(chromium, gateway, 1440, "light")
    visit.sign_in()
    yield visit
    visit.page.close()
    assert visit.complaints == []


def call_the_demo(gateway: Gateway, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "manage.py"), "testcall", "demo", *options]
    return subprocess.Popen(
        command,
        env=dict(gateway.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def waterfall(turn: Locator) -> list[str]:
    """What a turn's row says, and where each part of its bar begins and ends."""
    parts = turn.locator("rect").evaluate_all(
        "all => all.map(e => ['data-part', 'x', 'width'].map(n => e.getAttribute(n)).join())"
    )
    return [" ".join(turn.inner_text().split()), *parts]


@pytest.mark.served
def test_a_supervisor_sees_every_line_of_a_call_as_it_is_spoken(
    visit: Visit, gateway: Gateway
) -> None:
    page = visit.page
    expect(page.locator("#link-state")).to_have_attribute("data-state", "live")
    caller = call_the_demo(gateway, "--say", "I want to pay my bill", "--say", "goodbye")
    try:
        row = page.locator("#live-rows tr:not(.gone)").first
        expect(row).to_be_visible(timeout=PATIENCE_MS)
        row.locator("a.row-link").click()
        call = page.locator("#call")
        expect(call).to_have_attribute("data-state", "active")
        call_id = call.get_attribute("data-call")
        expect(page.locator("#talk .entry.bot").first).to_be_visible(timeout=PATIENCE_MS)
        first_turn = page.locator("#turns [data-turn='1']")
        expect(first_turn).to_be_visible(timeout=PATIENCE_MS)
        shown_live = waterfall(first_turn)
        # The page that followed the call turns into the record of it.
        page.evaluate("window.followed = true")
        expect(call).to_have_attribute("data-state", "ended", timeout=PATIENCE_MS)
        assert page.evaluate("window.followed")
        expect(page.locator("#turns .waterfall")).to_have_count(2)
        assert waterfall(first_turn) == shown_live
        output = caller.communicate(timeout=60)[0]
    finally:
        caller.kill()
    assert caller.returncode == 0, output
    statement = (
        "import json; from calls.models import TranscriptEntry as T; "
        f"print(json.dumps(list(T.objects.filter(call='{call_id}').order_by('seq')"
        ".values_list('seq', 'text'))))"
    )
    stored = json.loads(gateway.query(statement))
    shown = page.locator("#talk [data-n]")
    assert [int(n) for n in shown.evaluate_all("all => all.map(e => e.dataset.n)")] == [
        seq for seq, _ in stored
    ]
    for (_, text), entry in zip(stored, shown.all(), strict=True):
        assert " ".join(text.split()) in " ".join(entry.inner_text().split())


def test_the_fold_of_the_page_equals_a_new_snapshot(visit: Visit) -> None:
    """The page's own state module: a frame that is missing asks for a snapshot, none is wrong."""
    result = visit.page.evaluate(
        """async () => {
          const all = [...document.scripts].map((script) => script.src);
          const url = all.find((src) => src.includes("console/console"));
          const { apply, empty, follow } = await import(new URL("state.js", url));
          const state = empty();
          follow(state, "a", 0);
          const frames = [
            { t: "hello", seq: 0 },
            { t: "snapshot", seq: 1, rows: [{ id: "a", bot: "demo", turns: 0 }] },
            { t: "call", op: "upsert", seq: 2, id: "a", f: { turns: 1 } },
            { t: "interim", id: "a", side: "caller", text: "yes" },
            { t: "line", seq: 3, id: "a", n: 1, side: "bot" },
            { t: "call", op: "upsert", seq: 4, id: "b", f: { bot: "demo" } },
            { t: "call", op: "gone", seq: 5, id: "b" },
            { t: "hb", seq: 5 },
          ];
          const taken = frames.every((frame) => apply(state, frame));
          const gap = apply(state, { t: "line", seq: 9, id: "a", n: 2, side: "caller" });
          const resync = apply(state, { t: "resync", seq: 9 });
          return [taken, gap, resync, [...state.calls.values()], [...state.followed.values()]];
        }"""
    )
    call = {"id": "a", "bot": "demo", "turns": 1}
    assert result == [True, False, False, [call], [{"last": 1, "interim": {"caller": "yes"}}]]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 900, 390])
def test_pages_fit_every_screen_and_obey_the_content_security_policy(
    chromium: Browser, gateway: Gateway, width: int, theme: str
) -> None:
    visit = Visit(chromium, gateway, width, theme)
    visit.sign_in()
    for path in ("/live/", "/calls/", "/calls/?state=ended&size=50"):
        visit.page.goto(gateway.url + path)
        expect(visit.page.locator("html")).to_have_attribute("data-bs-theme", theme)
        wide = visit.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path} is {wide} px too wide"
    visit.page.close()
    assert visit.complaints == []


def test_the_chosen_theme_outlives_the_page(visit: Visit) -> None:
    visit.page.get_by_label("Dark theme").click()
    visit.page.reload()
    expect(visit.page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    expect(visit.page.get_by_label("Dark theme")).to_have_attribute("aria-pressed", "true")


def test_the_history_filters_without_a_reload(visit: Visit) -> None:
    page = visit.page
    page.goto(visit.gateway.url + "/calls/")
    page.evaluate("window.same = true")
    page.get_by_text("More conditions").click()
    page.get_by_label("Test calls").select_option("only")
    page.wait_for_url("**/calls/?*test=only*")
    assert page.evaluate("window.same")


def test_signing_out_ends_the_visit(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Sign out").click()
    expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
    visit.page.goto(visit.gateway.url + "/live/")
    expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
