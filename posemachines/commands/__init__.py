"""The command line, with one module per subcommand.

A subcommand is a module, listed in `COMMANDS`, with `NAME`, `SUMMARY` (one line, for the list of subcommands), a
docstring (for its own help), ``add_arguments(parser)`` and ``run(options)``, which returns an exit code, or None for 0.
Heavy imports happen inside `run`, so that ``--help`` is fast. An OSError, ValueError or ImportError is a user error and
is shown in one line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType

from .. import __version__
from . import compare, convert, evaluate, predict, validate

__all__ = ["COMMANDS", "main", "make_parser"]

PROGRAM = "python -m posemachines"
FAILED, INTERRUPTED = 2, 130  # exit codes
COMMANDS: tuple[ModuleType, ...] = (compare, predict, evaluate, validate, convert)


def make_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; ``options.run`` runs the chosen subcommand."""
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
        Without the name of the program; by default those of the process.

    Returns
    -------
    int
        Exit code: that of the subcommand, 2 after an error, which is reported in one line on standard error, or 130
        when interrupted.

    Raises
    ------
    SystemExit
        With code 2 for invalid options, and with 0 after ``--help``.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == [compare.NAME]:  # it has a parser of its own
        options = argparse.Namespace(command=compare.NAME, options=given[1:], run=compare.run)
    else:
        options = make_parser().parse_args(given)
    try:
        return options.run(options) or 0
    except (OSError, ValueError, ImportError) as error:
        print(f"{PROGRAM} {options.command}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
