"""The closed form of any model: each row's counts as an exact function of its input sizes."""
