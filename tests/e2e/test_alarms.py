"""Alarms as somebody on duty meets them: the row appears, nothing moves, people take care of it."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from tests import servers
from tests.e2e.installation import Gateway

pytestmark = [pytest.mark.e2e, pytest.mark.peer]

RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}
TELL = """
from django.utils import timezone
from alarms.core.severity import Severity
from alarms.core.state import Report
from alarms.services.reporting import tell
tell([Report(type={kind!r}, source={source!r}, at=timezone.now(), detail='why',
             severity={severity}, count={count})])
"""
LOOK_MS = 6_000
"""A page without a socket looks more often than that."""
MAJOR, MINOR = "oauthRefreshFailure", "channelAuthenticationFailure"

ONLY = """
from django.db import transaction
from django.utils import timezone
from alarms.core.catalogue import CATALOGUE
from alarms.models import ActiveAlarm, AlarmRule
from alarms.services.reporting import reapply
others = [name for name in CATALOGUE if name not in {used!r}]
with transaction.atomic():
    rules = AlarmRule.objects.filter(changed_by="only these")
    if {quiet}:
        AlarmRule.objects.bulk_create(
            [AlarmRule(type=name, enabled=False, changed_at=timezone.now(), changed_by="only these")
             for name in others],
            ignore_conflicts=True,
        )
        ActiveAlarm.objects.exclude(type__in=others).delete()
    else:
        rules.delete()
    for name in others:
        reapply(CATALOGUE[name], timezone.now())
"""


@pytest.fixture(scope="module")
def calm(gateway: Gateway) -> Iterator[Gateway]:
    """The gateway, which other tests give reason for alarms, with those of this file only."""
    gateway.query(ONLY.format(used=(MAJOR, MINOR), quiet=True))
    yield gateway
    gateway.query(ONLY.format(used=(MAJOR, MINOR), quiet=False))


@pytest.fixture(scope="module")
def desk(calm: Gateway) -> Iterator[BrowserContext]:
    """The browser of somebody on duty, signed in; complaints of its pages fail the test."""
    try:
        path = servers.program("chromium")
    except servers.MissingProgram as problem:
        pytest.skip(str(problem))
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        context = chromium.new_context(
            viewport={"width": 1440, "height": 900}, reduced_motion="reduce"
        )
        page = context.new_page()
        page.goto(f"{calm.url}/login/")
        page.get_by_label("Name").fill("admin")
        page.get_by_label("Password").fill(calm.admin_password)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
        page.close()
        yield context
        chromium.close()


@pytest.fixture
def page(desk: BrowserContext, gateway: Gateway) -> Iterator[Page]:
    """The page of active alarms, which has heard from its socket."""
    complaints: list[str] = []
    page = desk.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    with page.expect_websocket(lambda socket: "/ws/alarms" in socket.url) as listening:
        page.goto(f"{gateway.url}/alarms/")
    if not listening.value.is_closed():
        page.wait_for_load_state("networkidle")
    yield page
    page.close()
    gateway.query("from alarms.models import ActiveAlarm; ActiveAlarm.objects.all().delete()")
    assert complaints == []


def tell(
    gateway: Gateway, kind: str, source: str, *, over: bool = False, worse: bool = False
) -> None:
    severity = "Severity.CLEAR" if over else "Severity.CRITICAL" if worse else None
    count = 0 if over else 9
    gateway.query(TELL.format(kind=kind, source=source, severity=severity, count=count))


def test_a_row_appears_and_leaves_without_a_reload(page: Page, gateway: Gateway) -> None:
    expect(page.get_by_role("heading", name="Nothing is wrong")).to_be_visible()

    tell(gateway, MAJOR, "token:row")

    row = page.locator("#alarm-rows tr", has_text="token:row")
    expect(row).to_be_visible()
    expect(row.locator(".severity")).to_have_text("Major")
    expect(page.get_by_role("heading", name="Nothing is wrong")).to_be_hidden()
    expect(page.locator("[data-alarm-count]")).to_have_text("1")
    expect(page).to_have_title("(1) Alarms · Voice AI Gateway")
    expect(page.locator('link[rel="icon"]')).to_have_attribute("href", _mark("major"))
    results = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    assert results.violations_count == 0, results.generate_report()

    tell(gateway, MAJOR, "token:row", over=True)

    expect(row).to_be_hidden()
    expect(page).to_have_title("Alarms · Voice AI Gateway")
    expect(page.get_by_role("heading", name="Nothing is wrong")).to_be_visible()


def test_rows_stay_under_the_pointer_and_news_wait(page: Page, gateway: Gateway) -> None:
    tell(gateway, MINOR, "bot:first")
    first = page.locator("#alarm-rows tr", has_text="bot:first")
    first.hover()

    tell(gateway, MAJOR, "token:worse")

    expect(page.locator("#waiting")).to_have_text("1 new alarm")
    expect(page.locator("#alarm-rows tr")).to_have_count(1)
    tick = first.get_by_role("checkbox")
    tick.check()
    page.locator("#waiting").click()
    expect(page.locator("#alarm-rows tr")).to_have_count(2)
    expect(page.locator("#alarm-rows tr").first).to_contain_text("token:worse")
    expect(tick).to_be_checked()


def test_what_is_ticked_is_acknowledged_and_stays_in_sight(page: Page, gateway: Gateway) -> None:
    tell(gateway, MAJOR, "token:mine")
    row = page.locator("#alarm-rows tr", has_text="token:mine")
    row.get_by_role("checkbox").check()
    expect(page.locator("#ticked-count")).to_have_text("1 alarm ticked")
    page.get_by_label("Comment (optional)").fill("on it")
    page.locator("#handle").get_by_role("button", name="Acknowledge").click()

    expect(page.get_by_text("1 alarm acknowledged.")).to_be_visible()
    expect(row).to_contain_text("acknowledged by admin")
    expect(row).to_contain_text("on it")


def test_other_pages_are_told_and_sound_once(
    page: Page, desk: BrowserContext, gateway: Gateway
) -> None:
    page.get_by_role("switch", name="Sound").click()
    expect(page.get_by_role("switch", name="Sound")).to_have_attribute("aria-checked", "true")
    page.evaluate("localStorage.removeItem('alarm-sounded')")
    other = desk.new_page()
    other.goto(f"{gateway.url}/bots/")
    tell(gateway, MINOR, "bot:quiet")
    expect(other.locator("[data-alarm-count]")).to_have_text("1")

    tell(gateway, MAJOR, "token:loud")

    toast = other.locator(".toast-of")
    expect(toast).to_have_count(1)
    expect(toast).to_contain_text("A token cannot be fetched")
    assert other.evaluate("localStorage.getItem('alarm-sounded')") is not None
    expect(page.locator(".toast-of")).to_have_count(0)
    toast.get_by_role("link").click()
    expect(other.get_by_role("heading", name="A token cannot be fetched")).to_be_visible()
    page.get_by_role("switch", name="Sound").click()
    other.close()


def test_without_a_socket_a_page_looks_for_itself(desk: BrowserContext, gateway: Gateway) -> None:
    page = desk.new_page()
    page.clock.install()
    page.route_web_socket("**/ws/alarms", lambda socket: socket.close(code=1013))
    page.goto(f"{gateway.url}/alarms/")

    tell(gateway, MAJOR, "token:polled")

    row = page.locator("#alarm-rows tr", has_text="token:polled")
    page.clock.fast_forward(LOOK_MS)
    expect(row).to_be_visible()

    tell(gateway, MAJOR, "token:polled", over=True)

    page.clock.fast_forward(LOOK_MS)
    expect(row).to_be_hidden()
    page.close()


def test_a_page_says_that_the_gateway_does_not_answer(
    desk: BrowserContext, gateway: Gateway
) -> None:
    page = desk.new_page()
    page.clock.install()
    page.route_web_socket("**/ws/alarms", lambda socket: socket.close(code=1013))
    page.route("**/alarms/state", lambda route: route.abort())
    page.goto(f"{gateway.url}/alarms/")
    expect(page.get_by_role("heading", name="Nothing is wrong")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)

    page.clock.fast_forward(2 * LOOK_MS)

    expect(page.get_by_role("alert")).to_contain_text("The gateway does not answer.")

    page.unroute("**/alarms/state")
    page.clock.fast_forward(LOOK_MS)

    expect(page.get_by_role("alert")).to_have_count(0)
    page.close()


def test_what_is_written_about_an_alarm_outlives_its_changes(page: Page, gateway: Gateway) -> None:
    tell(gateway, MAJOR, "token:story")
    page.get_by_role("link", name="A token cannot be fetched", exact=True).click()
    comment = page.get_by_label("Comment (optional)")
    comment.fill("asked the vendor")
    comment.blur()

    tell(gateway, MAJOR, "token:story", worse=True)

    expect(page.locator("#alarm-severity")).to_have_text("Critical")
    expect(page.locator(".headline")).to_have_attribute("data-severity", "critical")
    expect(comment).to_have_value("asked the vendor")
    page.get_by_text("Silence", exact=True).click()
    page.get_by_role("button", name="Until tomorrow 8:00").click()
    expect(page.get_by_text("1 alarm silenced.")).to_be_visible()


def _mark(severity: str) -> re.Pattern[str]:
    return re.compile(rf"/alarms/mark-{severity}[.\w]*\.svg$")
