"""One reader and one writer per format: annotations, predictions, photos, machine files."""
