"""Synthetic photos: drawn people with exact joints, reproducible from a seed."""

from .figures import draw_photos, make_synthetic

__all__ = ["draw_photos", "make_synthetic"]
