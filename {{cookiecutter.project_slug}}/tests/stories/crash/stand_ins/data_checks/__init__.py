"""Stands in for the data checks: the same entry point and files, next to no work."""
