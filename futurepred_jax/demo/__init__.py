"""A web page on which one chooses a scene or uploads a clip and sees what a trained model predicts."""
