"""Import run logs of other tools into a table of runs, one row an evaluation.

isoloss import runs/ --output runs.parquet
isoloss import runs/ --output runs.parquet --tokens-per-step 524288
isoloss import logs/ --output runs.parquet --loss eval/c4/loss --n-params 'small-*=124e6'
isoloss fit runs.parquet

It reads TensorBoard's event files, Hugging Face's trainer_state.json, Lightning's metrics.csv,
MLflow, W&B, DVCLive, Aim, results of lm-eval, and printed logs of nanoGPT, llm.c, nanochat,
torchtitan and Megatron-LM. Nothing that it reads is changed. docs/import.md says what each of them
leaves out.
"""

from isoloss.fit import progress

NUMBERS = "NUMBER"


def add_arguments(parser):
    """The arguments of `isoloss import`."""
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="folders or files of logs")
    parser.add_argument("--output", required=True, metavar="FILE.parquet", help="the table")
    parser.add_argument(
        "--loss",
        action="append",
        default=[],
        metavar="TAG",
        help="the tag of the loss, or a pattern of tags; where a run has several held-out ones "
        "(again: for runs that lack it)",
    )
    of_runs = "a number, or 'PATTERN=NUMBER' for the runs of a name (again: for others)"
    parser.add_argument(
        "--tokens-per-step", action="append", default=[], metavar=NUMBERS, help=of_runs
    )
    parser.add_argument("--batch-size", type=float, metavar=NUMBERS, help="sequences in a step, "
                        "over all devices and accumulation")  # fmt: skip
    parser.add_argument("--context", type=float, metavar=NUMBERS, help="tokens in a sequence")
    parser.add_argument(
        "--tokens",
        action="append",
        default=[],
        metavar=NUMBERS,
        help="tokens seen by runs with one evaluation; as --tokens-per-step",
    )
    parser.add_argument(
        "--n-params", action="append", default=[], metavar=NUMBERS, help=f"N: {of_runs}"
    )
    parser.add_argument(
        "--n-params-non-embedding",
        action="append",
        default=[],
        metavar=NUMBERS,
        help="N without embeddings, likewise",
    )
    parser.add_argument(
        "--average", type=float, metavar="TOKENS", help="tokens over which a training loss that "
        "--loss names is averaged (default: 1 %% of the run's)"
    )  # fmt: skip
    parser.add_argument(
        "--step", metavar="COLUMN", help="the column of steps, in exports whose steps count calls"
    )
    parser.add_argument("--format", metavar="NAME", help="read only logs of this format")
    parser.add_argument(
        "--skip-refused", action="store_true", help="leave out files that cannot be read"
    )


def run(args) -> int:
    """Import, write the table, and say what was assumed; the exit code."""
    from pathlib import Path

    from isoloss.errors import UserError
    from isoloss.files import write_parquet
    from isoloss.logs.importing import import_logs
    from isoloss.logs.records import Options, PerRun, is_count
    from isoloss.logs.remembered import Remembered

    output = Path(args.output)
    problems = []
    if output.suffix != ".parquet":
        problems.append(f"--output: must end in .parquet, got {args.output!r}")
    for option in ("batch_size", "context", "average"):
        value = getattr(args, option)
        if value is not None and not is_count(value):
            problems.append(f"--{option.replace('_', '-')}: must be positive, got {value:g}")
    numbers = {}
    for option in ("tokens_per_step", "tokens", "n_params", "n_params_non_embedding"):
        try:
            shown = f"--{option.replace('_', '-')}"
            numbers[option] = PerRun.of(shown, getattr(args, option))
        except UserError as error:
            problems += [f"{error.where}: {problem}" for problem in error.problems]
    if problems:
        raise UserError("arguments", problems)
    options = Options(
        loss=tuple(args.loss),
        batch_size=args.batch_size,
        context=args.context,
        step=args.step,
        average_tokens=args.average,
        **numbers,
    )
    remembered = Remembered(output, {**options.key(), "form": args.format})
    with progress.phase("logs"):
        imported = import_logs(
            args.folders,
            options,
            form=args.format,
            remembered=remembered,
            skip_refused=args.skip_refused,
            advance=progress.reached,
        )
    write_parquet(output, imported.table)
    remembered.write()
    print(_text(output, imported))
    return 0


def _text(output, imported) -> str:
    runs = imported.table
    states = runs.loc[runs["is_last"], "status"]
    kinds = {kind: int((states == kind).sum()) for kind in ("done", "diverged", "incomplete")}
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    again = f"; {imported.n_remembered} logs as read before" if imported.n_remembered else ""
    lines = [f"{output}: {len(states)} runs ({counted}), {len(runs)} evaluations{again}"]
    lines += [f"assumed: {text}" for text in imported.assumed]
    lines += [f"note: {text}" for text in imported.notes]
    return "\n".join(lines)
