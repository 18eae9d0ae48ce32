"""Torch modules from anywhere: imports, files, timm, torchvision."""
