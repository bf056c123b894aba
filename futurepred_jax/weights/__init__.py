"""Published weights, as parameter trees of our modules; what cannot be loaded is an error."""
