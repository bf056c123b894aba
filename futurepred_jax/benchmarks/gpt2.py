"""Hugging Face's GPT-2 as a implementation of ``benchmarks.predictor``; the extra ``bench`` installs it."""

from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch.utils.flop_counter import FlopCounterMode  # pyright: ignore[reportMissingImports]
from transformers import GPT2Config, GPT2LMHeadModel  # pyright: ignore[reportMissingImports]

from futurepred_jax.benchmarks.predictor import BATCHES, CODES, CONTEXT, NEW, TRAINED, Implementation, Sequences

WIDTH, DEPTH, HEADS = 336, 6, 6


def peer(sequences: Sequences) -> Implementation:
    """The model, on one thread, in float32, with the attention that it takes by itself."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    length = CONTEXT + NEW
    config = GPT2Config(
        vocab_size=CODES,
        n_positions=length,
        n_embd=WIDTH,
        n_layer=DEPTH,
        n_head=HEADS,
        bos_token_id=None,
        eos_token_id=None,
        **dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0),  # as ours has none
    )
    model: Any = GPT2LMHeadModel(config)
    tokens = torch.from_numpy(sequences.astype(np.int64))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def train() -> None:
        model.train()
        loss = model(tokens[:TRAINED], labels=tokens[:TRAINED]).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    @torch.no_grad()
    def decode(b: int) -> None:
        model.eval()
        given = tokens[:b, :CONTEXT]
        drawn = model.generate(
            given, attention_mask=torch.ones_like(given), max_new_tokens=NEW, do_sample=True, top_k=0, use_cache=True
        )
        if drawn.shape[1] != length:
            raise RuntimeError(f"GPT-2 drew {drawn.shape[1] - CONTEXT} tokens of {NEW}")

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(tokens[:TRAINED])
    count = sum(parameter.numel() for parameter in model.parameters())
    read = 4.0 * (count - length * WIDTH + 2 * DEPTH * WIDTH * (CONTEXT + NEW / 2))
    runs = {b: lambda b=b: decode(b) for b in BATCHES}
    return Implementation(count, read, runs, 3.0 * counter.get_total_flops(), train)
