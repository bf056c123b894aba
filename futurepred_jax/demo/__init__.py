"""A page in the browser: choose a scene or upload a clip, and watch what a trained model makes of it."""
