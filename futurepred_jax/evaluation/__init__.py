"""What ``evaluate`` needs around the metrics: networks, predictions from elsewhere, and the files of results."""
