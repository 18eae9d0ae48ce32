"""Results as grids: one module for each kind of result."""
