"""Formats, one file each: its name, the suffix of its files, and what it can render."""
