"""The pages in headless Chromium, as a reader uses them: with a mouse, with keys, on a phone, in the dark."""

import re
import shutil

import pytest
from workdirs import CONTEXT, FUTURE, write_workdir

from futurepred_jax.compare import read_models, write_comparison
from futurepred_jax.report import write_report

playwright = pytest.importorskip("playwright.sync_api", reason='needs pip install -e ".[dev]"')
expect = playwright.expect
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
pytestmark = [
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium on the path"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        opened = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "baseline"
    return write_report(write_workdir(folder, films=12, splits=("test_iid", "test_speed")))


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    workdirs = [
        write_workdir(folder / name, quality, preset=name) for name, quality in (("first", 1.0), ("second", 0.7))
    ]
    return write_comparison(*read_models(workdirs), folder / "comparison")


@pytest.fixture
def opened(browser):
    """Opens a page offline; closing it fails where the console has said anything."""
    contexts, said = [], []

    def open_page(path, width: int = 1280, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, offline=True, reduced_motion="reduce", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"file://{path}")
        if page.locator(".stage").count():
            page.locator(".stage").scroll_into_view_if_needed()
            expect(page.locator(".stage output")).not_to_be_empty()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def pixels(page, panel: int) -> str:
    return page.locator(".stage canvas").nth(panel).evaluate("canvas => canvas.toDataURL()")


def frame(page) -> str:
    return page.locator(".stage output").inner_text()


def test_the_slider_moves_through_context_and_future(report, opened):
    page = opened(report)
    assert frame(page) == f"context 1/{CONTEXT}"
    before = pixels(page, 1)
    page.locator(".stage input[type=range]").fill(str(CONTEXT + 2))
    assert frame(page) == f"future 3/{FUTURE}"
    assert pixels(page, 1) != before
    assert pixels(page, 0) != pixels(page, 1)


def test_play_plays_and_pause_pauses(report, opened):
    page = opened(report)
    page.locator(".stage .play").click()
    expect(page.locator(".stage output")).to_have_text(re.compile("context [3-9]"))
    page.locator(".stage .play").click()
    stopped = frame(page)
    page.wait_for_timeout(400)
    assert frame(page) == stopped


def test_keys_step_play_change_the_clip_and_hide_tracks(report, opened):
    page = opened(report)
    page.locator(".stage").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    assert frame(page) == f"context 2/{CONTEXT}"
    page.keyboard.press("End")
    assert frame(page) == f"future {FUTURE}/{FUTURE}"
    with_tracks = pixels(page, 0)
    page.keyboard.press("t")
    assert pixels(page, 0) != with_tracks
    first = page.locator(".stage .title b").inner_text()
    page.keyboard.press("n")
    assert page.locator(".stage .title b").inner_text() != first
    page.keyboard.press("p")
    assert page.locator(".stage .title b").inner_text() == first
    page.keyboard.press("Space")
    assert page.locator(".stage .play").get_attribute("aria-label") == "Pause"


def test_filters_leave_the_clips_that_fit_and_show_one_of_them(report, opened):
    page = opened(report)
    thumbs = page.locator(".strip button:visible")
    assert thumbs.count() == 12
    page.locator("select[name=case]").select_option("worst")
    assert page.locator(".count").inner_text() == "3 of 12 clips"
    assert thumbs.count() == 3
    assert "worst" in page.locator(".stage .tags").inner_text()
    page.locator("select[name=motion]").select_option("loop")
    assert all("loop" in (thumbs.nth(i).get_attribute("title") or "") for i in range(thumbs.count()))
    page.locator("select[name=case]").select_option("")
    page.locator("select[name=motion]").select_option("")
    assert thumbs.count() == 12


def test_a_heading_sorts_the_table_down_then_up_with_what_is_unknown_last(report, opened):
    page = opened(report)
    table = page.locator("table.scores").first

    def order() -> list[str]:
        return [
            re.split("\n|(?<!best )floor|ceiling", cell)[0].strip()
            for cell in table.locator("tbody th").all_inner_texts()
        ]

    table.locator("thead button").nth(4).click()  # ADE
    falling = [name for name in order() if not name.startswith("against")]
    table.locator("thead button").nth(4).click()
    rising = [name for name in order() if not name.startswith("against")]
    assert falling[-1].startswith("Black frame") == rising[-1].startswith("Black frame") is True
    assert falling[:-1] == rising[:-1][::-1]
    place = order().index("Model")
    assert order()[place + 1] == "against the best floor"


def test_further_scores_and_splits_are_shown_when_asked_for(report, opened):
    page = opened(report)
    part = page.locator("#scores [data-split=test_iid]")
    assert not part.get_by_role("columnheader", name="MSE").is_visible()
    part.locator(".toggle").first.check()
    assert part.get_by_role("columnheader", name="MSE").is_visible()
    page.locator("#split").select_option("test_speed")
    assert not part.is_visible()
    assert page.locator("#scores [data-split=test_speed]").is_visible()


def test_the_split_of_the_page_is_that_of_its_clips(report, opened):
    page = opened(report)
    assert page.locator(".count").inner_text() == "12 of 12 clips"
    page.locator("#split").select_option("test_speed")
    assert page.locator("select[name=split]").input_value() == "test_speed"
    assert page.locator(".count").inner_text() == "4 of 12 clips"
    page.locator("#split").select_option("all")
    assert page.locator(".count").inner_text() == "12 of 12 clips"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_on_a_phone_and_colours_follow_the_system(report, opened, scheme):
    page = opened(report, width=360, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)")
    assert (min(paper) > 200) == (scheme == "light")


def test_a_comparison_shows_every_model_s_future_of_one_clip(comparison, opened):
    page = opened(comparison)
    assert page.locator(".stage .panel span").all_inner_texts() == ["True future", "first", "second", "Last frame"]
    page.keyboard.press("n")
    assert page.locator(".stage .mini tbody th").all_inner_texts()[:2] == ["first", "second"]
    assert "second is worse than first" in page.locator(".headline").inner_text()
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
