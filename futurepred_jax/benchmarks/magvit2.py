"""magvit2-pytorch's tokenizer, for ``benchmarks.tokenizer`` and ``benchmarks.learning``; the extra ``bench`` has it."""

from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from einops import rearrange
from magvit2_pytorch import VideoTokenizer  # pyright: ignore[reportMissingImports]
from torch.utils.flop_counter import FlopCounterMode  # pyright: ignore[reportMissingImports]

from futurepred_jax.benchmarks.learning import Learner, Unit
from futurepred_jax.benchmarks.tokenizer import SIDE, Bytes, Implementation

# Strides as those of our `base`: (1, 2, 2), (2, 2, 2), (2, 2, 2); 12 bits a token, as its 4,096 codes.
LAYERS = (
    ("consecutive_residual", 2),
    "compress_space",
    ("consecutive_residual", 2),
    "compress_space",
    "compress_time",
    ("consecutive_residual", 2),
    "compress_space",
    "compress_time",
    ("consecutive_residual", 2),
)
WIDTH, WIDEST = 38, 152


def make(side: int) -> Any:
    """The tokenizer, on one thread, with the loss that it has without its VGG and its discriminator."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return VideoTokenizer(
        image_size=side,
        layers=LAYERS,
        init_dim=WIDTH,
        max_dim=WIDEST,
        codebook_size=4096,
        use_gan=False,
        perceptual_loss_weight=0.0,
    )


def peer(clips: Bytes) -> Implementation:
    """What is timed of it."""
    model, video = make(clips.shape[2]), as_input(clips)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    codes = model.tokenize(video)

    @torch.no_grad()
    def decode() -> None:
        model.eval()
        model.decode_from_code_indices(codes)

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(video, return_recon=True)
    flops = counter.get_total_flops() / len(clips)
    count = sum(parameter.numel() for parameter in model.parameters())
    runs = (lambda: train(model, optimizer, video), lambda: model.tokenize(video), decode)
    return Implementation(count, flops, runs)


def learner(rate: float) -> Learner:
    """The same as one that learns."""
    model = make(SIDE)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)

    @torch.no_grad()
    def draw(clips: Bytes) -> Unit:
        model.eval()
        drawn = [model.decode_from_code_indices(model.tokenize(as_input(clip[None]))) for clip in clips]
        return rearrange(torch.cat(drawn).clamp(0, 1).numpy(), "b c t h w -> b t h w c")

    return Learner(lambda clips, _: train(model, optimizer, as_input(clips)), draw)


def as_input(clips: Bytes) -> torch.Tensor:
    """Frames in [0, 1], channels first."""
    return torch.from_numpy(rearrange(clips, "b t h w c -> b c t h w").astype(np.float32) / 255)


def train(model: VideoTokenizer, optimizer: torch.optim.Optimizer, video: torch.Tensor) -> None:
    """One step."""
    model.train()
    loss, _ = model(video, return_loss=True)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
