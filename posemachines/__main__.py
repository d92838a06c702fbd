"""The command line: ``python -m posemachines predict photo.jpg``."""

import sys

from .commands import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
