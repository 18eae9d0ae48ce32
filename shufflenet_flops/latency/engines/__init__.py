"""Engines that run a model; each is one file behind `protocol.Engine`."""
