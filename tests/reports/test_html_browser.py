"""The HTML report in a real browser, opened from a file."""

import pytest

from flowwatch.reports import escape, render_html

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


@pytest.fixture
def opened(browser, file):
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
    assert opened.evaluate("document.querySelectorAll('script, a:not([href^=\"#\"])').length") == 0


@pytest.mark.parametrize("width", [320, 400, 800, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_never_scrolls_sideways(opened, width, scheme):
    opened.emulate_media(color_scheme=scheme)
    opened.set_viewport_size({"width": width, "height": 900})
    opened.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert opened.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(opened, scheme):
    opened.emulate_media(color_scheme=scheme)
    opened.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    worst = opened.evaluate(_CONTRAST)
    assert worst["ratio"] >= 4.5, worst


def test_print_shows_what_is_folded(opened):
    hidden = "one => !one.checkVisibility({contentVisibilityAuto: true})"
    folded = f"[...document.querySelectorAll('details .body')].filter({hidden}).length"
    assert opened.evaluate(folded) == 3
    opened.emulate_media(media="print")
    heights = opened.evaluate(
        "[...document.querySelectorAll('details .body')].map(one => one.getBoundingClientRect().height)"
    )
    assert len(heights) == 5
    assert min(heights) > 100


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
