"""Ceilings for what models may cost, a lock of what they do cost, and what changed in between."""
