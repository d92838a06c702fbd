"""Checks of arrays, files that are written whole, progress bars: what every folder needs."""
