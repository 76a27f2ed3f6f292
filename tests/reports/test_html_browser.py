"""The HTML report in a real browser, opened from a file."""

import shutil
import subprocess

import msgspec
import pytest

from flowwatch.model import Verdict
from flowwatch.reports import escape, html, render_html

SCRIPT = "<script>alert(1)</script>.example"

sync_api = pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def browser(chromium):
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def file(rich, tmp_path_factory):
    path = tmp_path_factory.mktemp("html") / "report.html"
    path.write_text(render_html(rich), "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def large(rich, tmp_path_factory):
    """5,000 destinations and 1,000 findings, every seventh destination approved."""
    replace = msgspec.structs.replace
    groups = [Verdict.APPROVED, *[Verdict.UNAPPROVED] * 6]
    report = replace(
        rich,
        destinations=tuple(
            replace(
                rich.destinations[3 if n % 2 else 1],
                address=f"2001:db8::{n:x}",
                worst=groups[n % 7],
                bytes_sent=n * 1_250,
                bytes_most=None if n % 2 else n * 1_250,
                bytes_acked=None if n % 3 else n,
                bytes_unknown=n % 2,
            )
            for n in range(5_000)
        ),
        findings=tuple(
            replace(
                rich.findings[n % 7],
                id=f"{n:016x}",
                bytes_sent=n,
                bytes_most=n,
                title=f"finding {n} </script><b>{SCRIPT}",
            )
            for n in range(1_000)
        ),
    )
    path = tmp_path_factory.mktemp("large") / "report.html"
    path.write_text(render_html(report), "utf-8")
    return path


@pytest.fixture
def crowd(browser, large):
    yield from _page(browser, large.as_uri())


@pytest.fixture
def opened(browser, file):
    yield from _page(browser, file)


def _page(browser, file):
    """The page, and everything it said or asked for."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.heard = []
    page.on("console", lambda message: page.heard.append(("console", message.text)))
    page.on("pageerror", lambda error: page.heard.append(("error", str(error))))
    page.on("request", lambda request: page.heard.append(("request", request.url)))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', event => console.log('CSP ' + event.violatedDirective))"
    )
    page.goto(file)
    yield page
    page.close()


def test_it_opens_with_no_message_and_no_request_but_itself(opened, file):
    opened.wait_for_timeout(200)
    assert opened.heard == [("request", file)]


def test_its_own_style_is_the_one_that_is_allowed(opened):
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 247)"
    opened.evaluate("document.body.setAttribute('style', 'background: red')")
    assert opened.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 250, 247)"
    assert ("console", "CSP style-src-attr") in opened.heard


def test_hostile_names_are_shown_as_text(opened, hostile):
    text = opened.evaluate("document.body.textContent")
    for name in hostile:
        assert escape.html(name) in text
    assert opened.evaluate("document.querySelectorAll('a:not([href^=\"#\"])').length") == 0
    assert opened.evaluate("document.scripts.length") == 1


@pytest.mark.parametrize("width", [320, 360, 400, 800, 1280, 1600])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_never_scrolls_sideways(opened, width, scheme):
    opened.emulate_media(color_scheme=scheme)
    opened.set_viewport_size({"width": width, "height": 900})
    opened.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [360, 400, 1280])
def test_the_verdicts_fit_a_narrow_screen(opened, width):
    opened.set_viewport_size({"width": width, "height": 900})
    table = "document.querySelector('.groups').parentElement"
    assert opened.evaluate(f"{table}.scrollWidth - {table}.clientWidth") <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(opened, scheme):
    opened.emulate_media(color_scheme=scheme)
    opened.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    worst = opened.evaluate(_CONTRAST)
    assert worst["ratio"] >= 4.5, worst


def test_print_shows_what_is_folded(opened):
    hidden = "one => !one.checkVisibility({contentVisibilityAuto: true})"
    folded = f"[...document.querySelectorAll('details .body')].filter({hidden}).length"
    assert opened.evaluate(folded) == 6
    opened.emulate_media(media="print")
    heights = opened.evaluate(
        "[...document.querySelectorAll('details .body')].map(one => one.getBoundingClientRect().height)"
    )
    assert len(heights) == 8
    assert min(heights) > 100
    assert not opened.locator(".controls").first.is_visible()


def test_a_filter_hides_rows_and_counts_what_is_left(opened):
    findings = opened.locator("[data-list=findings]")
    shown, count = findings.locator("details.finding"), findings.locator("output")
    assert (shown.count(), count.inner_text()) == (7, "7 findings")
    findings.get_by_role("searchbox").fill("SQUID  unapproved")
    assert (shown.count(), count.inner_text()) == (1, "1 matching, of 7 findings")
    assert shown.get_attribute("id") == "finding-000000000007"
    findings.get_by_role("searchbox").fill("")
    findings.get_by_label("Severity").select_option("medium")
    assert (shown.count(), count.inner_text()) == (3, "3 matching, of 7 findings")
    findings.get_by_label("Group").select_option("cannot_tell")
    assert (shown.count(), count.inner_text()) == (0, "0 matching, of 7 findings")
    assert findings.get_by_text("Nothing matches.").is_visible()
    findings.get_by_role("button", name="Clear").click()
    assert (shown.count(), count.inner_text()) == (7, "7 findings")
    assert opened.evaluate("document.activeElement.type") == "search"
    assert [kind for kind, _ in opened.heard] == ["request"]


def test_a_filter_of_hostile_text_finds_it_and_stays_text(opened):
    field = opened.locator("[data-list=destinations]").get_by_role("searchbox")
    field.fill("<script>alert(1)</script>")
    assert opened.locator("[data-list=destinations] tbody tr").count() == 2
    assert opened.evaluate("document.scripts.length") == 1


def test_columns_sort_by_number_or_text_both_ways_from_the_keyboard(opened):
    table = opened.locator("[data-list=destinations]")
    sizes = (
        "[...document.querySelectorAll('[data-list=destinations] tbody td:nth-child(6)')].map(one => +one.dataset.sort)"
    )
    first = opened.evaluate(sizes)
    table.get_by_role("button", name="Sent").focus()
    opened.keyboard.press("Enter")
    assert opened.evaluate(sizes) == sorted(first, reverse=True)
    assert table.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    opened.keyboard.press("Enter")
    assert opened.evaluate(sizes) == sorted(first)
    table.get_by_role("button", name="Destination").click()
    where = table.locator("tbody th code").all_inner_texts()
    assert where == ["192.0.2.8", "198.51.100.20", "203.0.113.7", "203.0.113.99", "2001:db8:ffff::99"]
    table.get_by_role("button", name="Clear").click()
    assert opened.evaluate(sizes) == first
    assert table.locator("th[aria-sort]").count() == 0


def test_findings_can_be_put_in_another_order_and_unfolded(opened):
    findings = opened.locator("[data-list=findings]")
    findings.get_by_label("Order").select_option("count")
    assert findings.locator("details").first.get_attribute("id") == "finding-000000000008"
    findings.get_by_role("button", name="Unfold all").click()
    assert findings.locator("details[open]").count() == 7
    findings.get_by_role("button", name="Fold all").click()
    assert findings.locator("details[open]").count() == 0


def test_thousands_of_rows_filter_and_sort_and_the_file_stays_small(crowd, large):
    assert large.stat().st_size < 2_000_000
    table = crowd.locator("[data-list=destinations]")
    count, shown = table.locator("output"), table.locator("tbody tr")
    made = shown.count()
    assert count.inner_text() == f"{made} of 5,000 destinations"
    table.get_by_label("Group").select_option("conforms")
    assert count.inner_text() == "100 of 715 matching, of 5,000 destinations"
    table.get_by_role("button", name="Show 100 more").click()
    assert (shown.count(), count.inner_text()) == (200, "200 of 715 matching, of 5,000 destinations")
    table.get_by_role("searchbox").fill("2001:db8::1380")
    assert (shown.count(), count.inner_text()) == (0, "0 matching, of 5,000 destinations")
    table.get_by_label("Group").select_option("")
    assert shown.locator("th code").all_inner_texts() == ["2001:db8::1380"]
    table.get_by_role("button", name="Clear").click()
    table.get_by_role("button", name="Sent").click()
    assert shown.first.locator("th code").inner_text() == "2001:db8::1387"
    assert [kind for kind, _ in crowd.heard] == ["request"]


def test_a_row_the_script_makes_reads_as_the_one_the_page_was_made_with(browser, rich, tmp_path, monkeypatch):
    """The same report with every row in the page, and with every row in the data block."""
    whole, packed = tmp_path / "whole.html", tmp_path / "packed.html"
    sizes = [0, 999, 1_000, 1_250, 1_350, 999_949, 999_950, 12_345_678, 2**52]
    rows = [
        msgspec.structs.replace(
            one, address=f"{one.address}-{count}", bytes_sent=count, bytes_most=count, bytes_acked=acked
        )
        for one in rich.destinations
        for count in sizes
        for acked in (None, count)
    ]
    report = msgspec.structs.replace(rich, destinations=tuple(rows))
    whole.write_text(render_html(report), "utf-8")
    monkeypatch.setitem(html.TOLD, "destinations", (0, 0))
    packed.write_text(render_html(report), "utf-8")
    read = []
    for path in (whole, packed):
        page = browser.new_page()
        page.goto(path.as_uri())
        page.locator("[data-list=destinations]").get_by_label("Group").select_option("violates")
        page.locator("[data-list=destinations]").get_by_label("Group").select_option("")
        page.locator("[data-list=destinations] .more-rows").evaluate("one => one.hidden || one.click()")
        read.append(
            page.evaluate(
                "[...document.querySelectorAll('[data-list=destinations] tbody tr')].map(one => "
                "[...one.cells].map(cell => [cell.className, cell.innerText, cell.querySelectorAll('*').length]))"
            )
        )
        page.close()
    assert len(read[0]) == len(rows)
    assert read[0] == read[1]


def test_findings_the_page_holds_in_short_are_text_too(crowd):
    findings = crowd.locator("[data-list=findings]")
    findings.get_by_role("searchbox").fill("finding 290")
    assert findings.locator("details.finding").count() == 1
    assert findings.locator("h3").inner_text() == f"finding 290 </script><b>{SCRIPT}"
    assert crowd.evaluate("document.querySelectorAll('.finding h3 *').length") == 0
    assert "In short" in findings.locator("details.finding").text_content()


def test_without_script_everything_is_there_and_what_is_not_is_counted(browser, file, large):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file)
    assert page.locator("details.finding").count() == 7
    assert page.locator("[data-list=destinations] tbody tr").count() == 5
    assert not page.locator(".controls").first.is_visible()
    assert page.locator("button:visible").count() == 0
    assert page.locator(".more").count() == 0
    page.locator("details.finding").nth(4).locator("summary").click()
    assert page.locator("details.finding .body").nth(4).is_visible()
    page.goto(large.as_uri())
    told = page.locator("[data-list=destinations] tbody tr").count()
    assert f"{5_000 - told:,} more" in page.locator("[data-list=destinations] .unscripted").inner_text()
    context.close()


def test_paper_shows_what_was_filtered_and_says_so(opened):
    findings = opened.locator("[data-list=findings]")
    findings.get_by_role("searchbox").fill("squid")
    opened.emulate_media(media="print")
    assert findings.locator("details.finding").count() == 1
    assert findings.locator("output").is_visible()
    assert not findings.get_by_role("searchbox").is_visible()


def test_paper_holds_every_finding_and_no_box_is_cut(opened, tmp_path):
    paper = tmp_path / "report.pdf"
    opened.pdf(path=paper, format="A4")
    assert paper.stat().st_size > 20_000
    opened.emulate_media(media="print")
    opened.set_viewport_size({"width": 690, "height": 1000})
    cut = "one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible'"
    assert opened.evaluate(f"[...document.querySelectorAll('.scroll')].filter({cut}).length") == 0
    assert opened.evaluate("document.documentElement.scrollWidth") <= 690
    reader = shutil.which("pdftotext")
    if reader:
        text = subprocess.run([reader, "-raw", paper, "-"], capture_output=True, text=True, check=True).stdout
        for number in (1, 2, 3, 5, 6, 7, 8):
            assert f"{number:012x}" in text


_CONTRAST = """() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, at) => sum + c * [.2126, .7152, .0722][at], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = parts(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
  };
  let worst = {ratio: 99};
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
    if (!own || node.closest('svg')) continue;
    const pair = [parts(getComputedStyle(node).color), behind(node)].map(luminance).sort((a, b) => b - a);
    const ratio = (pair[0] + .05) / (pair[1] + .05);
    if (ratio < worst.ratio) worst = {ratio, text: node.textContent.slice(0, 60), name: node.className};
  }
  return worst;
}"""
