"""Clutter videos: scenes drawn from counter-based streams, rendered, stored and fed in batches."""

import os

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # TensorFlow reads clips, and would tell of kernels that it has not
