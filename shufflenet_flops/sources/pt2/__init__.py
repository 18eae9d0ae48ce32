"""A `.pt2` exported program, read as data."""
