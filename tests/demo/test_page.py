"""The page in a real browser: it asks nobody else, shows films of a chosen scene, and refuses what is too long."""

import importlib.util
import shutil

import pytest
from test_uploads import movie
from untrained import untrained

from futurepred_jax.configs import baseline

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="needs the extra demo"),
    pytest.mark.filterwarnings("default"),  # gradio's own
]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    """A model that was never trained."""
    from futurepred_jax import Predictor

    return Predictor.from_workdir(untrained(baseline.get_config("debug"), tmp_path_factory.mktemp("runs")))


@pytest.fixture(scope="module")
def address(predictor):
    """Of the page."""
    from futurepred_jax.demo import page

    served, address = page.launch(predictor, host="127.0.0.1", port=0)
    yield address
    served.close()


@pytest.fixture
def browser_page():
    """A page of a headless browser, with what it said and whom it asked."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    chromium = shutil.which("chromium") or pytest.skip("needs Chromium")
    with playwright.sync_playwright() as started:
        page = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"]).new_page()
        page.said, page.asked = [], []
        page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        yield page
        page.context.browser.close()


def test_a_chosen_scene_is_predicted_and_shown_without_errors_or_requests_elsewhere(browser_page, address):
    browser_page.goto(address)
    browser_page.get_by_label("Seed").fill("7")
    browser_page.get_by_role("button", name="Predict").first.click()
    browser_page.locator(".fp-panel").first.wait_for(timeout=120_000)
    assert browser_page.locator(".fp-sheet").count() == 7
    assert "bits a token" in browser_page.locator("#films").inner_text()
    browser_page.locator(".fp-bar input[type=range]").fill("6")
    assert browser_page.locator(".fp-bar output").inner_text() == "future 2 of 4"
    place = "films => films.map(film => getComputedStyle(film).backgroundPositionX)"
    assert set(browser_page.locator(".fp-sheet").evaluate_all(place)) == {"75%"}  # the seventh of nine frames
    button = browser_page.locator(".fp-bar button")
    assert button.inner_text() == "Play"
    button.click()
    assert button.inner_text() == "Pause"
    assert not browser_page.said
    assert all(url.startswith((address, "data:", "blob:")) for url in browser_page.asked)


def test_a_clip_that_is_too_long_is_refused_with_the_rule_and_a_short_one_predicted(browser_page, address, tmp_path):
    browser_page.goto(address)
    browser_page.get_by_role("tab", name="Your clip").click()
    chooser = browser_page.locator("input[type=file]")
    chooser.set_input_files(movie(tmp_path / "long.mp4", frames=130))
    browser_page.get_by_text("long.mp4").wait_for()
    predict = browser_page.get_by_role("button", name="Predict").locator("visible=true")
    predict.click()
    browser_page.get_by_text("seconds: at most").wait_for(timeout=60_000)
    assert browser_page.locator(".fp-panel").count() == 0


def test_a_scene_has_seven_films_and_tracks_of_its_objects(predictor):
    from futurepred_jax.demo import page
    from futurepred_jax.demo.scenes import Choice

    shown = page.scene(predictor, Choice(objects=2, level="clean", seed=7))
    assert shown.count("<figure") == 7
    assert "fp-true-path" in shown


def test_a_short_clip_is_predicted_beside_what_really_followed(predictor, tmp_path):
    from futurepred_jax.demo import page

    shown = page.clip(predictor, str(movie(tmp_path / "clip.mp4", frames=12)))
    assert shown.count("<figure") == 7
    assert page.clip(predictor, str(movie(tmp_path / "short.mp4", frames=6))).count("<figure") == 5
    with pytest.raises(ValueError, match="has 3 frames at 6 a second: the model looks at 5"):
        page.clip(predictor, str(movie(tmp_path / "shortest.mp4", frames=3)))


def test_the_page_is_served_to_this_machine_alone_unless_told_otherwise():
    from absl import flags

    from futurepred_jax.demo import __main__ as command

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command.app, "run", lambda _: None)
        patch.setattr(flags, "FLAGS", flags.FlagValues())
        values = {}
        for kind in ("string", "integer"):
            patch.setattr(command.flags, f"DEFINE_{kind}", lambda name, value, *_, **__: values.setdefault(name, value))
        command.cli()
    assert values["host"] == "127.0.0.1"
