import numpy as np

from futurepred_jax.benchmarks import bouncing
from futurepred_jax.data.recorded import arrays


def test_a_number_has_one_video():
    np.testing.assert_array_equal(bouncing.draw(3), bouncing.draw(3))
    assert (bouncing.draw(3) != bouncing.draw(4)).any()


def test_shapes_stay_inside_and_some_move():
    for number in range(8):
        video = bouncing.draw(number).astype(int)
        floor = round(255 * bouncing.FLOOR)
        lit = (video.max(axis=-1) > floor + 2).sum(axis=(1, 2))
        assert (lit > 100).all()
        assert (video[0] != video[-1]).any(axis=-1).sum() > 20
        assert video.min() >= floor - 1


def test_the_file_is_a_source_of_clips(tmp_path):
    bouncing.write(str(tmp_path / "bouncing.npz"), videos=3)
    assert len(arrays.recordings(str(tmp_path / "bouncing.npz"))) == 3
