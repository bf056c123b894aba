"""What the device draws is what the host draws: at least 99.9 % of the pixels within 2 of 255, whatever is in them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from futurepred_jax.data import counter_random, device
from futurepred_jax.data.background import pattern
from futurepred_jax.data.blueprints import blueprint
from futurepred_jax.data.device import ground, sensor
from futurepred_jax.data.noise import add_noise
from futurepred_jax.data.render import render
from futurepred_jax.data.scene import GROUND_PATTERNS, SHAPES
from futurepred_jax.data.scene_generation import make_scene
from futurepred_jax.data.spec import SPLITS, ClutterSpec
from futurepred_jax.data.splits import TWIN

SIZE, ROOM, FRAMES = 32, 32, 2
CALM = ClutterSpec(size=SIZE, frames=9, context=5)
BUSY = dataclasses.replace(
    CALM, background="any", camera="orbit", rotation="tumble", shapes=SHAPES, level="mixed", objects=(8, 12)
)
CASES = {split: (CALM, split, 0) for split in SPLITS if not split.endswith(TWIN)}
CASES["test_occlusion"] = (CALM, "test_occlusion", 3)  # which is not drawn again as often as number 0
CASES |= {f"busy {index}": (BUSY, "train", index) for index in range(8)}


@pytest.fixture(scope="module")
def scenes():
    """By case, the frames at the border of context and future."""
    whole = {name: make_scene(*case) for name, case in CASES.items()}
    return {name: scene.cut(slice(scene.context - 1, scene.context - 1 + FRAMES)) for name, scene in whole.items()}


@pytest.fixture(scope="module")
def pictures(scenes):
    """By case, what the host and what the device drew."""
    hosts, parts = {}, []
    for name, scene in scenes.items():
        spec, split, index = CASES[name]
        key, drawn = spec.key(split, index), render(scene, size=SIZE)
        noisy = add_noise(drawn.video, scene.noise, key)
        hosts[name] = {"video": drawn.video, "noisy": noisy, "instance": drawn.instance}
        parts.append(blueprint(scene, key, size=SIZE, room=ROOM))
    batch = {part: np.stack([each[part] for each in parts]) for part in parts[0]}
    ours = jax.device_get(jax.jit(device.render)(batch))
    return {name: (hosts[name], {kind: ours[kind][row] for kind in ours}) for row, name in enumerate(CASES)}


@pytest.mark.parametrize("kind", ["video", "noisy"])
def test_every_split_has_the_host_s_pixels(pictures, kind):
    apart = np.stack([np.abs(ours[kind].astype(int) - host[kind]).max(-1) for host, ours in pictures.values()])
    assert np.mean(apart > 2) <= 1e-3
    assert (
        np.mean(apart > 2, axis=(1, 2, 3)) <= 5e-3
    ).all()  # nor is one clip's worth of mistakes hidden by the others


def test_every_pixel_shows_the_host_s_object(pictures):
    wrong = np.mean([ours["instance"] != host["instance"] for host, ours in pictures.values()])
    assert wrong <= 1e-3
    assert all((ours["instance"] > 0).any() for _, ours in pictures.values())


def test_the_cases_have_every_shape_floor_and_noise(pictures, scenes):
    assert {shape for scene in scenes.values() for shape in scene.shape[scene.exists]} == set(range(len(SHAPES)))
    assert {scene.background.ground_pattern for scene in scenes.values()} == set(range(len(GROUND_PATTERNS)))
    host, ours = pictures["test_clutter_noise"]
    assert np.mean(host["noisy"] != host["video"]) > 0.5
    assert np.mean(ours["noisy"] == host["noisy"]) > 0.999


@pytest.mark.parametrize("kind", range(len(GROUND_PATTERNS)))
def test_the_ground_has_its_pattern_far_from_the_middle_too(kind):
    x, y = np.random.default_rng(0).uniform(-300, 300, (2, 1, 8, 8)).astype(np.float32)
    ours = ground.pattern(jnp.int32(kind), jnp.asarray(x), jnp.asarray(y))
    host = [pattern(kind, float(a), float(b)) for a, b in zip(x.ravel(), y.ravel(), strict=True)]
    np.testing.assert_allclose(np.ravel(ours), host, atol=2e-4)


def test_noise_takes_the_words_of_the_host_s_counters():
    video, key = np.full((3, 8, 8, 3), 128, np.uint8), np.array([1, 2], np.uint32)
    scene = make_scene(dataclasses.replace(CALM, level="heavy"), "train", 0)
    part = blueprint(scene.cut(slice(3)), key, size=8, room=ROOM)
    frame = {name: part[name] for name in ("sigma", "salt", "key")}
    host = add_noise(video, scene.noise, key)
    for number in range(3):
        moving = {"gain": part["gain"][number], "lost": part["lost"][number]}
        frame = jax.tree.map(jnp.asarray, frame | moving)
        ours = sensor.spoil(jnp.asarray(video[number]), frame, jnp.int32(number))
        np.testing.assert_array_equal(ours, host[number])


def test_the_device_s_words_are_threefry_s():
    for word, answer in ((0, (0x6B200159, 0x99BA4EFE)), (0xFFFFFFFF, (0x1CB996FC, 0xBB002BE7))):
        words = np.full(2, word, np.uint32)
        ours = sensor.threefry2x32_p.bind(*map(jnp.uint32, (*words, *words)))
        assert tuple(map(int, ours)) == answer == tuple(map(int, counter_random.threefry2x32(words, words)))


def test_drawing_asks_nothing_of_other_devices():
    scene = make_scene(dataclasses.replace(CALM, size=8), "train", 0).cut(slice(1))
    part = blueprint(scene, CALM.key("train", 0), size=8, room=ROOM)
    batch = {name: np.stack([value] * 8) for name, value in part.items()}
    rows = NamedSharding(Mesh(np.array(jax.devices()), ("data",)), PartitionSpec("data"))
    program = jax.jit(device.render, in_shardings=rows, out_shardings=rows).lower(batch).compile().as_text()
    assert not any(word in (program or "") for word in ("all-gather", "all-reduce", "all-to-all", "collective-permute"))
