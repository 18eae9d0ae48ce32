"""Sweeps: millions of configurations of one design space."""
