"""The command line, one module a subcommand.

A subcommand is a module with `NAME`, `SUMMARY` (one line, for the list), a docstring (for its own help),
``add_arguments(parser)`` and ``run(options)``, whose exit code is 0 where it returns None, and stands in `COMMANDS`. It
imports what is heavy inside `run`, so that ``--help`` is quick. An OSError, ValueError or ImportError is the user's to
mend: it is shown as one line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType

from .. import __version__
from . import evaluate, predict, validate

__all__ = ["COMMANDS", "main", "make_parser"]

PROGRAM = "python -m posemachines"
FAILED, INTERRUPTED = 2, 130  # exit codes
COMMANDS: tuple[ModuleType, ...] = (predict, evaluate, validate)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; ``options.run`` is the chosen subcommand's."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Pose Machines, classic and deep.")
    parser.add_argument("--version", action="version", version=f"posemachines {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="command", required=True)
    for command in COMMANDS:
        sub = subparsers.add_parser(
            command.NAME,
            help=command.SUMMARY,
            description=command.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.

    Returns
    -------
    int
        Exit code: that of the subcommand, 0 by default, or 2 after an error, which is told in one line on the
        standard error.

    Raises
    ------
    SystemExit
        With code 2, where the options themselves are wrong, and with 0 after ``--help``.
    """
    options = make_parser().parse_args(arguments)
    try:
        return options.run(options) or 0
    except (OSError, ValueError, ImportError) as error:
        print(f"{PROGRAM} {options.command}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
