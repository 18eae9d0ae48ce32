"""Files, read and written with care: by one process at a time, whole or not at all."""
