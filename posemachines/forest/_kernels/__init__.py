"""Compiled loops of the forest stage, each with a numpy twin of the same name."""
