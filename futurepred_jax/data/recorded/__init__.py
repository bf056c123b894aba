"""Videos that were recorded, not drawn: from files, arrays or TFDS to the same clips that a model sees of clutter."""

from futurepred_jax.data.recorded import arrays, digits, files, tfds
from futurepred_jax.data.recorded.clips import RecordedClips, describe, record_clips
from futurepred_jax.data.recorded.given import given
from futurepred_jax.data.recorded.recording import HELD_OUT, Cut, Recording

__all__ = [
    "HELD_OUT",
    "Cut",
    "RecordedClips",
    "Recording",
    "arrays",
    "describe",
    "digits",
    "files",
    "given",
    "record_clips",
    "tfds",
]
