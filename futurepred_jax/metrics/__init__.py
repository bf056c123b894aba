"""Pure functions that score predictions against the truth; ``scores`` measures and ``summary`` reduces them."""
