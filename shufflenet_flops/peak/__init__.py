"""Peak memory: what is alive when, which moment holds the most, and how it is laid out."""
