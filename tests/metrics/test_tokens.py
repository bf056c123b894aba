"""Token metrics against closed forms."""

import numpy as np
import pytest

from futurepred_jax.metrics import tokens


def test_a_uniform_guess_costs_the_bits_of_the_vocabulary():
    nll = np.full((3, 10), np.log(1024), np.float32)
    np.testing.assert_allclose(tokens.bits_per_token(nll), 10, rtol=1e-6)


def test_accuracy_is_counted_clip_by_clip():
    correct = np.array([[True, True, False, False], [True, True, True, True]])
    np.testing.assert_array_equal(tokens.token_accuracy(correct), [0.5, 1.0])


def test_even_use_of_every_code_has_the_codebook_s_size_as_perplexity():
    grid = np.stack([np.arange(16) % 4, np.arange(16) // 4], axis=-1).reshape(2, 2, 4, 2)
    use = tokens.codebook_use(tokens.code_counts(grid, (4, 4)), (4, 4))
    assert use.usage == 1
    np.testing.assert_allclose(use.perplexity, 4)


def test_a_collapsed_codebook_shows():
    use = tokens.codebook_use(tokens.code_counts(np.full((2, 5, 4, 4, 1), 7), (1000,)), (1000,))
    assert use == tokens.CodebookUse(usage=0.001, perplexity=1.0, sizes=(1000,))


def test_digits_have_codebooks_of_their_own_sizes():
    grid = np.array([[0, 4], [1, 4], [1, 4], [0, 4]])
    use = tokens.codebook_use(tokens.code_counts(grid, (2, 5)), (2, 5))
    np.testing.assert_allclose(use.usage, 3 / 7)
    np.testing.assert_allclose(use.perplexity, np.sqrt(2), rtol=1e-6)  # one bit in the one, none in the other


def test_counts_of_batches_add_up():
    first, second = np.array([[0], [1], [1]]), np.array([[3], [3], [1]])
    whole = tokens.code_counts(np.concatenate([first, second]), (5,))
    np.testing.assert_array_equal(tokens.code_counts(first, (5,)) + tokens.code_counts(second, (5,)), whole)
    np.testing.assert_array_equal(whole, [[1, 3, 0, 2, 0]])


def test_tokens_outside_the_codebook_are_refused():
    with pytest.raises(ValueError, match="a codebook of 4 has 0 to 3"):
        tokens.code_counts(np.array([[0], [4]]), (4,))
    with pytest.raises(ValueError, match="no token counted"):
        tokens.codebook_use(np.zeros((1, 4), int), (4,))
