"""Clutter videos: scenes drawn from counter-based streams, rendered, stored and fed in batches."""
