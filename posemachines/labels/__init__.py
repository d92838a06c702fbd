"""What is wrong with labels: checks, suspicions, duplicates, and a page that shows them."""

from .duplicates import near_duplicates
from .findings import Finding, Validation
from .page import write_label_page
from .validation import validate

__all__ = ["Finding", "Validation", "near_duplicates", "validate", "write_label_page"]
