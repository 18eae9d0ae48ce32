"""Callbacks of training libraries: FLOPs so far, their speed and their share of a peak."""
