"""magvit2-pytorch's tokenizer as a contestant of ``benchmarks.tokenizer``; the extra ``bench`` installs it."""

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from einops import rearrange
from magvit2_pytorch import VideoTokenizer  # pyright: ignore[reportMissingImports]
from torch.utils.flop_counter import FlopCounterMode  # pyright: ignore[reportMissingImports]

from futurepred_jax.benchmarks.tokenizer import Bytes, Contestant

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


def peer(clips: Bytes) -> Contestant:
    """The tokenizer, on one thread, with the loss that it has without its VGG and its discriminator."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = VideoTokenizer(
        image_size=clips.shape[2],
        layers=LAYERS,
        init_dim=WIDTH,
        max_dim=WIDEST,
        codebook_size=4096,
        use_gan=False,
        perceptual_loss_weight=0.0,
    )
    video = torch.from_numpy(rearrange(clips, "b t h w c -> b c t h w").astype(np.float32) / 255)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    codes = model.tokenize(video)

    def train() -> None:
        model.train()
        loss, _ = model(video, return_loss=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    @torch.no_grad()
    def decode() -> None:
        model.eval()
        model.decode_from_code_indices(codes)

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(video, return_recon=True)
    flops = counter.get_total_flops() / len(clips)
    count = sum(parameter.numel() for parameter in model.parameters())
    return Contestant(count, flops, (train, lambda: model.tokenize(video), decode))
