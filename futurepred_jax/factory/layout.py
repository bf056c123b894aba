"""Where the arrays of every model live on a mesh: rules for ``training.sharding``, by the models' parameter names."""

from jax.sharding import PartitionSpec

from futurepred_jax.training.sharding import FSDP, Rules

# Pairs of layers, the first split by its outputs over "tensor" and the second by its inputs, with one sum after the
# second (Megatron-LM, arXiv:1909.08053 §3); "fsdp" splits the other axis. The Transformer's first layers have q, k and
# v, or a gate and its values, side by side: kept split by inputs, they are split by outputs in use
# (models.sharding_hints).
TRANSFORMER: Rules = (
    (r"blocks_\d+/(qkv|up)/kernel$", PartitionSpec(("fsdp", "tensor"))),
    (r"blocks_\d+/(out|down)/kernel$", PartitionSpec("tensor", "fsdp")),
)
RESIDUAL_BLOCKS: Rules = (
    (r"stage_\d+_\d+/CausalConv_0/kernel$", PartitionSpec(None, None, None, "fsdp", "tensor")),
    (r"stage_\d+_\d+/CausalConv_1/kernel$", PartitionSpec(None, None, None, "tensor", "fsdp")),
)

RULES: Rules = (*TRANSFORMER, *RESIDUAL_BLOCKS, *FSDP)
