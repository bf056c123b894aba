"""Fast discs and squares that bounce about: a file of videos that is hard to predict, as one that a user brings.

python -m futurepred_jax.benchmarks.bouncing bouncing.npz

16 frames of 64 x 64 pixels: two to four movers of 1 to 4 px a frame in any direction, three shapes that stand still and
one that is there for 3 to 8 frames, in any order of depth. ``baseline:tiny`` trains on it by
``--config.data.source=arrays:bouncing.npz --config.data.frames=13 --config.data.context_frames=5``: of the first 8
frames its tokenizer takes the last 5, and 8 follow.
"""

import numpy as np
from absl import app
from jaxtyping import Bool, Float, UInt8
from tqdm import trange

SIDE, LENGTH = 64, 16  # pixels, frames
FINE = 2  # samples a pixel and axis
MOVERS, STILL = (2, 4), 3
SPEED = (1.0, 4.0)  # px a frame
RADIUS = (4.0, 7.0)  # px; a square covers as much as the disc
LIFE = (3, 8)  # frames of the one that comes and goes
LIGHT = (0.3, 1.0)
FLOOR = 0.1
VIDEOS = 2560  # of which a tenth is held out for validation, and for test


def draw(number: int) -> UInt8[np.ndarray, "t 64 64 3"]:
    """The video of that number, always the same."""
    rng = np.random.default_rng(number)
    movers = rng.integers(*MOVERS, endpoint=True)
    count = movers + STILL + 1
    radius, light = rng.uniform(*RADIUS, count), rng.uniform(*LIGHT, (count, 3))
    paths = _paths(rng, radius, np.arange(count) < movers)
    square, there = rng.random(count) < 0.5, np.ones((LENGTH, count), bool)
    there[:, -1] = _lifetime(rng)
    video, order = np.full((LENGTH, SIDE * FINE, SIDE * FINE, 3), FLOOR), rng.permutation(count)
    for frame, centres, seen in zip(video, paths, there, strict=True):
        for i in order[seen[order]].tolist():
            frame[_inside(centres[i], float(radius[i]), bool(square[i]))] = light[i]
    fine = video.reshape(LENGTH, SIDE, FINE, SIDE, FINE, 3)
    return np.round(255 * fine.mean(axis=(2, 4))).astype(np.uint8)


def _paths(rng: np.random.Generator, radius: Float[np.ndarray, "n"], moves: Bool[np.ndarray, "n"]) -> np.ndarray:
    """Centres [t n 2] in pixels, folded at the borders."""
    span = SIDE - 2 * radius[:, None]
    start, angle = rng.uniform(0, 2 * span, (len(radius), 2)), rng.uniform(0, 2 * np.pi, len(radius))
    speed = np.where(moves, rng.uniform(*SPEED, len(radius)), 0.0)
    step = speed[:, None] * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    path = start + np.arange(LENGTH)[:, None, None] * step
    return radius[:, None] + span - np.abs(path % (2 * span) - span)


def _lifetime(rng: np.random.Generator) -> Bool[np.ndarray, "t"]:
    life = rng.integers(*LIFE, endpoint=True)
    birth = rng.integers(0, LENGTH - life, endpoint=True)
    frames = np.arange(LENGTH)
    return (birth <= frames) & (frames < birth + life)


def _inside(centre: np.ndarray, radius: float, square: bool) -> Bool[np.ndarray, "h w"]:
    grid = (np.arange(SIDE * FINE) + 0.5) / FINE
    down, right = np.abs(grid - centre[0])[:, None], np.abs(grid - centre[1])[None]
    return np.maximum(down, right) <= radius * np.sqrt(np.pi) / 2 if square else down**2 + right**2 <= radius**2


def write(path: str, videos: int = VIDEOS) -> None:
    """The first so many videos as a NumPy file, uint8 [n t h w c]."""
    np.savez_compressed(path, video=np.stack([draw(number) for number in trange(videos, unit="video")]))


def main(argv: list[str]) -> None:
    """Writes the file that is named."""
    if len(argv) != 2:
        raise app.UsageError("say where to: python -m futurepred_jax.benchmarks.bouncing FILE.npz")
    write(argv[1])


if __name__ == "__main__":
    app.run(main)
