"""What is wrong with labels: checks, suspicions, duplicates, and a page that shows them."""

from .page import write_label_page
from .validation import Finding, Validation, validate

__all__ = ["Finding", "Validation", "validate", "write_label_page"]
