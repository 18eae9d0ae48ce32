"""What runs somebody else's code, or copies it, without harm to either side."""
