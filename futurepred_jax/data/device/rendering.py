"""Renders blueprints: every ray is tested against every object, because accelerators are slow at choosing which."""

import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt8

from futurepred_jax.data.blueprints import BODY_PARTS, PARTS
from futurepred_jax.data.device.ground import Backdrop, Colour, paint
from futurepred_jax.data.device.planes import Plane, turned
from futurepred_jax.data.device.sensor import spoil
from futurepred_jax.data.device.solids import enter, lightness
from futurepred_jax.data.render import sample_offsets
from futurepred_jax.data.tracing import DARKNESS

Blueprint = Mapping[str, Array]
Body = Mapping[str, Array]


def render(blueprints: Blueprint, *, samples: int = 2) -> dict[str, Array]:
    """Draw clips; pure, to be jitted alone or as part of a step.

    Frame after frame, so that what is in memory at a time is some planes of a frame of each clip.

    Args:
        blueprints: the parts that ``blueprints.PARTS`` names, with a leading axis of clips.
        samples: rays a pixel along each side.

    Returns:
        ``video``, ``noisy``, uint8 [b t h w 3], and ``instance``, uint8 [b t h w].
    """
    parts = {name: blueprints[name] for name in PARTS}
    return jax.vmap(functools.partial(_clip, samples=samples))(parts)


def _clip(blueprint: Blueprint, *, samples: int) -> dict[str, Array]:
    moving = {name: part for name, part in blueprint.items() if PARTS[name].axes.startswith("t")}
    numbers = jnp.arange(len(blueprint["gain"]))
    return jax.lax.map(lambda frame: _frame({**blueprint, **frame[0]}, frame[1], samples), (moving, numbers))


def _frame(frame: Blueprint, number: Array, samples: int) -> dict[str, Array]:
    across, down = _rays(frame["lens"], len(frame["lost"]), samples)
    bodies = {name: frame[f"body_{name}"] for name in BODY_PARTS}
    behind = paint(frame, across, down)
    shaded = behind.colour * jnp.where(jnp.isinf(behind.reach), 1, _sunlight(bodies, behind))
    colour, instance = _objects(bodies, across, down, shaded, behind.reach)
    video = _developed(colour)
    return {"video": video, "noisy": spoil(video, frame, number), "instance": instance}


def _rays(lens: Float[Array, "2"], size: int, samples: int) -> tuple[Plane, Plane]:
    """How far each ray goes to the right and down while it goes 1 along the optical axis."""
    focal, principal = lens
    aside, below = jnp.asarray(sample_offsets(samples), jnp.float32).T[:, :, None, None]
    pixel = jnp.arange(size, dtype=jnp.float32)
    across, down = (pixel + aside - principal) / focal, (pixel[:, None] + below - principal) / focal
    return across + 0 * down, down + 0 * across


def _sunlight(bodies: Body, behind: Backdrop) -> Plane:
    """Share of the light that objects leave to the ground."""

    def pass_by(left: Plane, body: Body) -> tuple[Plane, None]:
        plane, (full, end) = body["shadow"], body["penumbra"]
        u, v = (row[0] * behind.x + row[1] * behind.y + row[2] for row in (plane[0], plane[1]))
        share = jnp.clip((end - (u * u + v * v)) / (end - full), 0, 1)
        keep = 1 - DARKNESS * share * share * (3 - 2 * share)
        return left * jnp.where(body["instance"] > 0, keep, 1), None

    return jax.lax.scan(pass_by, jnp.ones_like(behind.reach), bodies)[0]


def _objects(
    bodies: Body, across: Plane, down: Plane, colour: Colour, depth: Plane
) -> tuple[Colour, UInt8[Array, "h w"]]:
    """Objects over what is behind them, and whose each pixel's centre is."""

    def put(drawn: tuple[Colour, Plane, Array], body: Body) -> tuple[tuple[Colour, Plane, Array], None]:
        colour, depth, instance = drawn
        ray = turned(body["axes"], (across, down, 1.0))
        entry = enter(body["origin"], ray, body["quadric"])
        nearer = (entry.reach < depth) & (body["instance"] > 0)
        reach = jnp.where(nearer, entry.reach, 0)
        point = tuple(start + reach * step for start, step in zip(body["origin"], ray, strict=True))
        solid = {name: body[name] for name in ("quadric", "inverse_size", "light")}
        light = lightness(point, ray, entry.face, **solid)
        colour = jnp.where(nearer, light * body["rgb"][:, None, None, None], colour)
        instance = jnp.where(nearer[0], body["instance"], instance)
        return (colour, jnp.where(nearer, entry.reach, depth), instance), None

    nobody = jnp.zeros(depth.shape[1:], jnp.uint8)
    (colour, _, instance), _ = jax.lax.scan(put, (colour, depth, nobody), bodies)
    return colour, instance


def _developed(colour: Colour) -> UInt8[Array, "h w 3"]:
    """The mean of a pixel's samples, as a byte."""
    level = colour[:, 1:].mean(axis=1) * 255 + 0.5
    return jnp.moveaxis(jnp.clip(level, 0, 255).astype(jnp.uint8), 0, -1)
