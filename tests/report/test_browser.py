"""The page in a real browser: headless Chromium, driven by Selenium, opened from disk as a reader opens it.

Skipped, with a reason, where Chromium or its driver is not installed (Debian: chromium, chromium-driver).
"""

import base64
import itertools
import json
import shutil
from pathlib import Path

import full_store
import pytest

from theory.claims import registry
from theory.report import page

webdriver = pytest.importorskip("selenium.webdriver", reason="Selenium is not installed")
axe_core_python = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (BROWSER and DRIVER), reason="no chromium and chromedriver on the PATH")

OPTIONS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900")
AXE = Path(axe_core_python.__file__).parent / "axe.min.js"
RUN_AXE = (
    "const done = arguments[1]; axe.run(arguments[0]).then(found => done(found.violations), e => done([String(e)]))"
)


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(300)
    yield driver
    driver.quit()


RESULTS = Path(__file__).parent.parent.parent / "results"
PUBLISHED = ("paper/du2018.fig3a", "paper/du2018.fig4", "mnist/paper/du2018.fig4")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Every claim there is, three of them as published, with figures, a second store, and a history."""
    out = tmp_path_factory.mktemp("site")
    full_store.fill(out, [claim for claim in registry().values() if claim.key != "du2018.rate"])
    (violated,) = (claim for key, claim in registry().items() if key == "du2018.rate")
    full_store.fill(out, [violated], measured=0.1)
    for name in PUBLISHED:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(RESULTS / f"{name}.parquet", out / f"{name}.parquet")
    shutil.copytree(RESULTS / "asv", out / "asv")
    page.write(out, warn=lambda message: None)
    return out


@pytest.fixture
def opened(browser, site):
    browser.get_log("browser"), browser.get_log("performance")
    browser.get("about:blank")
    browser.get((site / "index.html").as_uri())
    return browser


def shown(browser):
    """The ids of the cards that are not filtered away."""
    return browser.execute_script("return [...document.querySelectorAll('article:not([hidden])')].map(a => a.id)")


def requests(browser):
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


class TestOpens:
    def test_without_an_error_and_without_leaving_its_folder(self, opened, site):
        widths = opened.execute_async_script(
            "const done = arguments[0], images = [...document.images];"
            "images.forEach(image => { image.loading = 'eager'; });"
            "Promise.all(images.map(image => image.decode().then(() => image.naturalWidth))).then(done, e => done([0]))"
        )
        assert len(widths) == len(PUBLISHED)
        assert min(widths) > 0
        assert opened.get_log("browser") == []
        inside = site.as_uri()
        assert [url for url in requests(opened) if not url.startswith((inside, "data:", "about:"))] == []

    def test_formulas_are_laid_out_as_formulas(self, opened):
        """A browser that knows MathML raises a power; one that does not puts it beside its base."""
        raised = "return [...document.querySelector('msup').children].map(e => e.getBoundingClientRect().y)"
        opened.execute_script("document.querySelector('msup').scrollIntoView()")
        base, power = opened.execute_script(raised)
        assert power < base

    def test_a_link_leads_to_its_card(self, opened):
        """However many cards without a layout lie between: their heights are guesses until they are seen."""
        (card,) = list(registry())[-1:]
        opened.execute_script("document.querySelector(arguments[0]).click()", f"a[href='#{card}']")
        opened.execute_async_script("setTimeout(arguments[0], 2000)")  # longer than any smooth scrolling
        top = opened.execute_script("return document.getElementById(arguments[0]).getBoundingClientRect().top", card)
        assert 0 <= top < 50

    def test_every_card_is_there(self, opened):
        assert set(shown(opened)) == {*registry(), "mnist-du2018.fig4"}

    @pytest.mark.parametrize("width", [320, 768, 1600])
    def test_nothing_is_wider_than_the_window(self, opened, width):
        metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
        opened.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        style = "document.querySelectorAll('.card').forEach(card => { card.style.contentVisibility = 'visible'; });"
        wide = (
            "return [...document.querySelectorAll('body *')].filter(e => !e.parentElement.closest('.scroll, details'))"
            ".filter(e => e.getBoundingClientRect().right > innerWidth).map(e => e.outerHTML.slice(0, 200))"
        )
        assert opened.execute_script(f"{style} {wide}") == []
        assert opened.execute_script("return document.documentElement.scrollWidth") <= width
        opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


class TestFilters:
    def set(self, browser, name, value):
        browser.execute_script(
            "const field = document.getElementById('filters').elements[arguments[0]]; field.value = arguments[1];"
            "field.dispatchEvent(new Event('input', {bubbles: true}))",
            name,
            value,
        )

    def test_by_paper(self, opened):
        self.set(opened, "paper", "gunasekar2018")
        assert set(shown(opened)) == {key for key in registry() if key.startswith("gunasekar2018.")}
        sections = (
            "return [...document.querySelectorAll('section[data-paper]:not([hidden])')].map(s => s.dataset.paper)"
        )
        assert opened.execute_script(sections) == ["gunasekar2018"]
        status = opened.find_element("id", "shown").text
        assert status == f"{len(shown(opened))} of {len(registry()) + 1} shown"

    def test_by_verdict_with_the_keyboard_alone(self, opened):
        from selenium.webdriver.common.keys import Keys

        for box in opened.find_elements("name", "verdict"):
            if box.get_attribute("value") != "VIOLATED":
                box.send_keys(Keys.SPACE)
        assert {"du2018.rate", "mnist-du2018.fig4"} <= set(shown(opened))
        verdicts = "return [...document.querySelectorAll('[data-verdict]:not([hidden])')].map(c => c.dataset.verdict)"
        assert set(opened.execute_script(verdicts)) == {"VIOLATED"}
        opened.find_element("css selector", "button[type=reset]").send_keys(Keys.ENTER)
        opened.execute_async_script("setTimeout(arguments[0], 50)")
        assert len(shown(opened)) == len(registry()) + 1

    def test_by_slack(self, opened):
        self.set(opened, "least", "0.9")
        self.set(opened, "most", "1.1")
        slacks = "return [...document.querySelectorAll('article:not([hidden])')].map(c => Number(c.dataset.slack))"
        found = opened.execute_script(slacks)
        assert 0 < len(found) < len(registry())
        assert all(0.9 <= slack <= 1.1 for slack in found)
        assert "du2018.recovery" not in shown(opened)  # it has none

    def test_a_link_to_a_card_that_is_filtered_away_brings_it_back(self, opened):
        self.set(opened, "paper", "gunasekar2018")
        opened.execute_script("location.hash = '#du2018.fig4'")
        opened.execute_async_script("setTimeout(arguments[0], 100)")
        assert "du2018.fig4" in shown(opened)

    def test_without_script_everything_is_there(self, browser, site):
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            browser.get((site / "index.html").as_uri())
            assert not browser.find_element("id", "filters").is_displayed()
            assert len(browser.find_elements("css selector", "article")) == len(registry()) + 1
        finally:
            browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


class TestLooks:
    def ground(self, browser):
        return browser.execute_script("return getComputedStyle(document.body).backgroundColor")

    def test_dark_and_light_as_the_reader_has_it_or_by_the_button(self, opened):
        grounds = {}
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            grounds[scheme] = self.ground(opened)
        assert grounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 27)"}
        button = opened.find_element("id", "theme")
        seen = []
        for _ in range(3):
            button.click()
            seen.append((button.text, self.ground(opened)))
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        assert seen == [
            ("Theme: light", grounds["light"]),
            ("Theme: dark", grounds["dark"]),
            ("Theme: auto", grounds["dark"]),
        ]

    @pytest.mark.parametrize("width", [360, 400])
    def test_on_a_phone_nothing_scrolls_sideways(self, opened, width):
        opened.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False},
        )
        try:
            wide = opened.execute_script(
                "document.querySelectorAll('details').forEach(each => { each.open = true; });"
                "document.querySelectorAll('article').forEach(a => { a.style.contentVisibility = 'visible'; });"
                "return [...document.querySelectorAll('html, .scroll, article')]"
                ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.ariaLabel || e.id || e.tagName)"
            )
            said = opened.execute_script(
                "return getComputedStyle(document.querySelector('td[data-label=Slack]'), '::before').content"
            )
        finally:
            opened.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        assert wide == []
        assert said == '"Slack: "'

    def test_prints_everything_and_no_buttons(self, opened):
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        opened.execute_script("dispatchEvent(new Event('beforeprint'))")
        assert opened.execute_script("return document.querySelectorAll('details:not([open])').length") == 0
        assert not any(button.is_displayed() for button in opened.find_elements("css selector", "button"))
        opened.execute_script("dispatchEvent(new Event('afterprint'))")
        assert opened.execute_script("return document.querySelectorAll('details[open]').length") == 0
        opened.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
        printed = base64.b64decode(opened.execute_cdp_cmd("Page.printToPDF", {})["data"])
        assert printed.startswith(b"%PDF")


class TestAccessibility:
    """axe's rules are about kinds of element, so a few cards of each kind stand for all."""

    FEW = ("du2018.rate", "du2018.fig3a", "du2018.fig4", "mnist-du2018.fig4", "jagadeesan2022.one_channel")

    def violations(self, browser, theme):
        browser.execute_script(
            "document.documentElement.dataset.theme = arguments[0];"
            "document.querySelectorAll('article').forEach(a => { if (!arguments[1].includes(a.id)) a.remove(); });"
            "document.querySelectorAll('tr[data-verdict]').forEach((row, n) => { if (n % 5) row.remove(); });"
            "document.querySelectorAll('details').forEach(each => { each.open = true; })",
            theme,
            self.FEW,
        )
        links = "return [...document.querySelectorAll('a[href^=\"#\"]')]"
        browser.execute_script(
            f"{links}.forEach(a => {{ if (!document.querySelector(`[id='${{a.hash.slice(1)}}']`)) a.remove(); }})"
        )
        browser.execute_script(AXE.read_text(encoding="utf-8"))
        found = browser.execute_async_script(RUN_AXE, "html")
        return [(each["id"], each["nodes"][0]["html"]) if isinstance(each, dict) else each for each in found]

    @pytest.mark.parametrize("theme", ["light", "dark"])
    def test_axe_finds_nothing(self, opened, theme):
        assert self.violations(opened, theme) == []

    def test_axe_finds_nothing_in_the_history(self, browser, site):
        browser.get((site / "history.html").as_uri())
        assert self.violations(browser, "light") == []

    def test_axe_would_have_found_something(self, opened):
        opened.execute_script("document.querySelector('#du2018\\\\.rate h3').innerHTML = '<img src=\"data:,\">'")
        assert "image-alt" in dict(self.violations(opened, "light"))

    def test_headings_go_down_one_level_at_a_time(self, opened):
        levels = opened.execute_script(
            "return [...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))"
        )
        assert levels[0] == 1
        assert max(after - before for before, after in itertools.pairwise(levels)) == 1
