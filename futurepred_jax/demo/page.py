"""The page: choices on the left, the model's predictions on the right."""

import os
from importlib import resources
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import gradio as gr  # pyright: ignore[reportMissingImports]

from futurepred_jax.data.recorded import Cut
from futurepred_jax.data.splits import CLUTTER_LEVELS
from futurepred_jax.demo import films, uploads
from futurepred_jax.demo.forecasts import forecast
from futurepred_jax.demo.scenes import MOST_OBJECTS, MOTIONS, Choice, draw
from futurepred_jax.interface import Predictor

FONT = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
THEME = gr.themes.Soft(primary_hue="indigo", font=FONT, font_mono=("ui-monospace", "monospace"))
KEPT = (600, 3600)  # in seconds: the interval at which uploads are deleted, and the age from which they are
HINT = "<p>Choose a scene or upload a clip, then press <b>Predict</b>.</p>"
ABOUT = """# What happens next?
**{name}** sees {context} frames, {fps:g} a second, and predicts {future}: one future by its own rule, and four drawn
from its own distribution. Fewer bits a token: likelier to the model. Dashed: where the objects really went; px off: how
far from it those that are found are, of {size} px."""


def build(predictor: Predictor) -> gr.Blocks:
    """Builds the page for a model."""
    data = predictor.config.data
    about = {"name": predictor.config.name, "context": data.context_frames, "fps": data.fps, "size": data.size}
    with gr.Blocks(title="futurepred_jax", analytics_enabled=False, fill_width=True, delete_cache=KEPT) as page:
        gr.Markdown(ABOUT.format(**about, future=data.frames - data.context_frames))
        with gr.Row():
            with gr.Column(scale=1, min_width=280), gr.Tabs():
                scene = _scene_tab(predictor)
                upload = _upload_tab(predictor)
            with gr.Column(scale=3, min_width=420):
                shown = gr.HTML(HINT, elem_id="films")
        for button, inputs, act in (scene, upload):
            button.click(act, inputs, shown, api_visibility="private", concurrency_limit=1, concurrency_id="model")
    return page


def launch(predictor: Predictor, *, host: str, port: int) -> tuple[gr.Blocks, str]:
    """Serves the page in the background, at a free port if ``port`` is 0, and returns it with its address."""
    page = build(predictor)
    _, address, _ = page.queue(max_size=16).launch(
        server_name=host,
        server_port=port or None,
        share=False,
        max_file_size=uploads.MOST_BYTES,
        prevent_thread_lock=True,
        show_error=True,
        ssr_mode=False,
        footer_links=[],
        theme=THEME,
        css=resources.files("futurepred_jax.demo").joinpath("templates/style.css").read_text(),
        quiet=True,
    )
    return page, address


def _scene_tab(predictor: Predictor) -> tuple[gr.Button, list, Any]:
    with gr.Tab("A scene"):
        inputs = [
            gr.Slider(1, MOST_OBJECTS, value=3, step=1, label="Objects"),
            gr.Dropdown(list(MOTIONS), value=MOTIONS[0], label="Motion"),
            gr.Radio(list(CLUTTER_LEVELS), value="moderate", label="Clutter"),
            gr.Checkbox(label="An occluder hides one where the future begins"),
            gr.Number(value=0, precision=0, minimum=0, maximum=2**32 - 1, label="Seed"),
        ]
        button = gr.Button("Predict", variant="primary")
    return button, inputs, lambda *chosen: _told(lambda: scene(predictor, Choice(*chosen)))


def _upload_tab(predictor: Predictor) -> tuple[gr.Button, list, Any]:
    with gr.Tab("Your clip"):
        gr.Markdown(f"A video file, {uploads.RULE}. It is cropped to its centre and shrunk to the model's size.")
        inputs = [gr.File(file_types=list(uploads.ENDINGS), type="filepath", label="Clip")]
        button = gr.Button("Predict", variant="primary")
    return button, inputs, lambda path: _told(lambda: clip(predictor, path))


def scene(predictor: Predictor, choice: Choice) -> str:
    """Returns the HTML of the forecast for a chosen scene; raises a ValueError for a scene that is impossible."""
    drawn, border = draw(choice, predictor.config), predictor.context_frames
    found = forecast(predictor, drawn["noisy"][:border], drawn["video"][border:], seed=int(choice.seed), labels=drawn)
    return films.render(found, fps=predictor.fps)


def clip(predictor: Predictor, path: str | None) -> str:
    """Returns the HTML of the forecast for an uploaded file, with the true future if the file is long enough.

    Raises:
        ValueError: If there is no file, or it exceeds a limit or is shorter than a context.
    """
    if path is None:
        raise ValueError("choose a file first")
    data, border = predictor.config.data, predictor.context_frames
    frames = uploads.frames(path, Cut(size=predictor.size, frames=data.frames, fps=predictor.fps))
    if len(frames) < border:
        raise ValueError(
            f"the video has {len(frames)} frames at {predictor.fps:g} a second: the model looks at {border}"
        )
    known = len(frames) == data.frames
    context, truth = (frames[:border], frames[border:]) if known else (frames[-border:], None)
    return films.render(forecast(predictor, context, truth), fps=predictor.fps)


def _told(act: Any) -> str:
    """Shows errors that the user can fix as messages on the page."""
    try:
        return act()
    except ValueError as error:
        raise gr.Error(str(error), duration=None, print_exception=False) from error
