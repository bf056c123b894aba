"""Objects that are hidden and come back."""

import numpy as np

from futurepred_jax.metrics.permanence import events_of


def line(text: str, mark: str) -> np.ndarray:
    return np.array([letter == mark for letter in text]).reshape(1, -1, 1)


def events(text: str, first: int = 0) -> tuple[str, str]:
    """From a life, "v" in view, "p" partly, "c" covered, the frames hidden and returned, marked by an x."""
    found = events_of(line(text, "c"), line(text, "v"), first)
    hidden, returned = ("".join("x" if each else "." for each in np.asarray(rows).ravel()) for rows in found)
    return hidden, returned


def test_two_covered_frames_hide_and_the_first_two_in_view_are_the_return():
    assert events("vvccvvv") == ("...x...", "....xx.")


def test_one_covered_frame_hides_nothing():
    assert events("vvcvvv") == ("......", "......")


def test_the_return_waits_until_the_object_can_be_judged():
    assert events("vccppvpvv") == ("..x......", ".....x.x.")


def test_an_object_hidden_in_the_context_returns_in_the_future():
    assert events("vvccvv", first=4) == ("..", "xx")
    assert events("vvcccv", first=4) == ("x.", ".x")


def test_an_object_never_seen_again_does_not_return():
    assert events("vcccc") == ("..xxx", ".....")
