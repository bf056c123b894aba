"""Scenes made by hand for the renderer's tests: every number is chosen, none is drawn."""

import dataclasses

import numpy as np

from futurepred_jax.data.scene import SHAPES, Background, Camera, Noise, Scene

QUIET = Noise(0.0, 0.0, 0.0, 0.0)


def camera_at(eye, target=(0.0, 0.0, 1.0), frames=1, fov=42.0):
    return Camera(np.tile(np.float64(eye), (frames, 1)), np.tile(np.float64(target), (frames, 1)), fov)


def ground(kind=0, frames=1):
    floor, sky = np.array([[0.6, 0.6, 0.6], [0.3, 0.3, 0.3]]), np.array([[0.8, 0.8, 0.9], [0.4, 0.5, 0.8]])
    return Background(kind, floor, 1.5, np.zeros((frames, 2)), sky)


def thing(shape="sphere", at=(0.0, 0.0, 1.0), size: float | np.ndarray = 0.5, rgb=(1.0, 0.0, 0.0), turn=0.0):
    return {"shape": shape, "at": at, "size": size, "rgb": rgb, "turn": turn}


def scene_of(*things, frames=1, eye=(0.0, -8.0, 2.5), kind=0):
    """Objects that stand still, in slots as given."""
    position = np.array([each["at"] for each in things], float).reshape(-1, 3)
    turn = np.array([each["turn"] for each in things], float)
    cos, sin, zero = np.cos(turn), np.sin(turn), np.zeros_like(turn)
    rotation = np.array([[cos, -sin, zero], [sin, cos, zero], [zero, zero, zero + 1]]).transpose(2, 0, 1)
    count = len(things)
    return Scene(
        position=np.tile(position, (frames, 1, 1)),
        velocity=np.zeros((frames, count, 3)),
        rotation=np.tile(rotation, (frames, 1, 1, 1)),
        size=np.array([np.broadcast_to(each["size"], 3) for each in things], float).reshape(-1, 3),
        shape=np.array([SHAPES.index(each["shape"]) for each in things], int),
        rgb=np.array([each["rgb"] for each in things], float).reshape(-1, 3),
        hue=np.arange(count),
        role=np.zeros(count, int),
        family=np.zeros(count, int),
        alive=np.ones((frames, count), bool),
        exists=np.ones(count, bool),
        bounce=np.zeros((frames, count), bool),
        collision=np.full((frames, count), -1),
        hidden=np.zeros((frames, count), bool),
        camera=camera_at(eye, frames=frames),
        background=ground(kind, frames),
        noise=QUIET,
        fps=6.0,
        index=0,
        context=frames,
        flagged=False,
        possible=True,
    )


def only(scene, slot):
    """The same scene with one object."""
    return dataclasses.replace(scene, exists=np.arange(len(scene.exists)) == slot)


def crowd(seed=0, count=8, frames=2, kind=0):
    """Objects of every shape that overlap in the picture."""
    generator = np.random.default_rng(seed)
    things = [
        thing(
            ("sphere", "cube", "cylinder", "cone")[i % 4],
            (*generator.uniform(-1.5, 1.5, 2), generator.uniform(0.8, 1.8)),
            generator.uniform(0.3, 0.7, 3),
            tuple(generator.uniform(0.2, 1, 3)),
            generator.uniform(-3, 3),
        )
        for i in range(count)
    ]
    return scene_of(*things, frames=frames, kind=kind)
