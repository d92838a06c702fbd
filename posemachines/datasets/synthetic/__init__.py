"""Drawn people: photos with exact joints, made on the spot and repeatable."""

from .figures import draw_photos, make_synthetic

__all__ = ["draw_photos", "make_synthetic"]
