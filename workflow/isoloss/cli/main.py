"""`isoloss SUBCOMMAND ...`: runs the subcommand, and prints user errors as messages.

A subcommand is a module with `add_arguments(parser)` and `run(args) -> int`; its docstring is its
help. To add one, add its line to `COMMANDS`.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from isoloss import __version__, extras
from isoloss.errors import UserError, nearest
from isoloss.fit import progress

COMMANDS = {
    "plan": ("isoloss.cli.plan", "what the studies would cost, before any job *"),
    "import": ("isoloss.cli.import_logs", "read run logs of other tools into a table of runs"),
    "fit": ("isoloss.cli.fit", "fit a scaling law to a table of runs"),
    "optimal": ("isoloss.cli.optimal", "compute-optimal size and data for a budget"),
    "predict": ("isoloss.cli.predict", "the loss of a run, or the compute that reaches a loss"),
    "compare": (
        "isoloss.cli.compare",
        "two recipes: the compute of the second for a loss of the first",
    ),
    "hyper": ("isoloss.cli.hyper", "the best learning rate and batch, and their laws"),
    "retrain": ("isoloss.cli.retrain", "set aside the runs that other code trained"),
    "show": ("isoloss.cli.show", "what was found, and the report in a browser"),
    "adopt": ("isoloss.cli.adopt", "take over the finished runs of another folder"),
    "publish": ("isoloss.cli.publish", "a finished study as tables with a card, to be redrawn"),
    "next": ("isoloss.cli.next", "which runs to do next"),
    "schedule": ("isoloss.cli.schedule", "predict learning curves of other learning rates"),
    "fetch": ("isoloss.cli.fetch", "get the published tables that fits and tests rest on"),
    "audit": ("isoloss.cli.audit", "refit published tables: published against found"),
}
USAGE = "isoloss SUBCOMMAND [ARGUMENT ...]"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; return 0 on success, and 2 for wrong arguments or input."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help"):
        print(_help())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"isoloss {__version__}")
        return 0
    name, *rest = argv
    if name not in COMMANDS:
        print(f"isoloss: no subcommand {name!r}{nearest(name, COMMANDS)}", file=sys.stderr)
        print(f"usage: {USAGE}; subcommands: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    module = importlib.import_module(COMMANDS[name][0])
    parser = argparse.ArgumentParser(
        prog=f"isoloss {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    try:
        args = parser.parse_args(rest)
        with progress.shown(sys.stderr, f"isoloss {name}"):
            return module.run(args)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        message = extras.not_installed(f"isoloss {name}", error)
        if message is None:
            raise
        print(message, file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()  # the reader (head, less) closed the pipe; this is no error
        return 0


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"usage: {USAGE}", "", "Scaling laws, measured.", "", "subcommands:"]
    lines += [f"  {name:{width}}  {what}" for name, (_, what) in COMMANDS.items()]
    lines += [
        "",
        f"* times training on this CPU with packages of an extra: {extras.command('study')}",
        "  A study itself runs in a clone of the project, by `snakemake`.",
        "",
        "isoloss SUBCOMMAND --help says more.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
