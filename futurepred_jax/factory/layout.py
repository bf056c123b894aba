"""Where the arrays of every model live on a mesh: rules for ``training.sharding``, by the models' parameter names."""

from jax.sharding import PartitionSpec

from futurepred_jax.training.sharding import FSDP, Rules

# Pairs of layers, the first split by its outputs over "tensor" and the second by its inputs, so that one sum after the
# second is all that devices exchange (Megatron-LM, arXiv:1909.08053 §3); "fsdp" splits the other axis.
TRANSFORMER: Rules = (
    (r"blocks_\d+/(qkv|up)/kernel$", PartitionSpec("fsdp", "tensor")),
    (r"blocks_\d+/(out|down)/kernel$", PartitionSpec("tensor", "fsdp")),
)
RESIDUAL_BLOCKS: Rules = (
    (r"stage_\d+_\d+/CausalConv_0/kernel$", PartitionSpec(None, None, None, "fsdp", "tensor")),
    (r"stage_\d+_\d+/CausalConv_1/kernel$", PartitionSpec(None, None, None, "tensor", "fsdp")),
)

RULES: Rules = (*TRANSFORMER, *RESIDUAL_BLOCKS, *FSDP)
