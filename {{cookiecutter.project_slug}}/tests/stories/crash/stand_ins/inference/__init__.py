"""Stands in for the server: the same entry point and HTTP, next to no work."""
