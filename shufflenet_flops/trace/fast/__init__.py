"""Only speed: a trace is the same without this room."""
