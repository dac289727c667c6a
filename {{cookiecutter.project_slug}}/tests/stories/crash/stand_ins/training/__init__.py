"""Stands in for training: the same entry points and files, next to no work."""
