"""What the documentation takes from the code itself, so that the two cannot disagree."""
