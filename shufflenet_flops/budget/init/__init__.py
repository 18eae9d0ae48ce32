"""A first budget file for a repository, proposed from what its code and files name."""
