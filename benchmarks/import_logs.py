"""How long `isoloss import` takes: event files beside TensorBoard's reader, and many small runs.

    python -m venv peer && peer/bin/pip install tensorboard==2.21.0 '.[study]'
    peer/bin/python benchmarks/import_logs.py --runs 200 --points 50000 --folders 1000

The event file is PyTorch's: a training loss at each step and a held-out one at each hundredth.
It is written once and copied for each run, because PyTorch writes more slowly than both read. Both
readers take the copies in one process, by turns, without a reservoir. The other folders each hold
a trainer_state.json of 200 entries. They are imported twice, and the second time from the index.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))
from isoloss.logs.event_file import read_events
from isoloss.logs.importing import import_logs
from isoloss.logs.records import Options, PerRun
from isoloss.logs.remembered import Remembered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--folders", type=int, default=1000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.runs:
            event_files(Path(folder) / "events", args.runs, args.points)
        if args.folders:
            many(Path(folder) / "states", args.folders)


def event_files(folder: Path, runs: int, points: int) -> None:
    """The CPU time of both readers, and of the whole import."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    values = np.random.default_rng(0).uniform(2, 4, points)
    with SummaryWriter(str(folder / "run0")) as writer:
        for step, value in enumerate(values):
            writer.add_scalar("train/loss", value, step)
            if step % 100 == 0:
                writer.add_scalar("val/loss", value, step)
    for run in range(1, runs):
        shutil.copytree(folder / "run0", folder / f"run{run}")
    taken = {"EventAccumulator": 0.0, "read_events": 0.0}
    for run in range(runs):
        (path,) = (folder / f"run{run}").iterdir()
        start_s = time.process_time()
        theirs = EventAccumulator(str(path), size_guidance={"scalars": 0}).Reload()
        middle_s = time.process_time()
        ours = read_events(path)
        end_s = time.process_time()
        taken["EventAccumulator"] += middle_s - start_s
        taken["read_events"] += end_s - middle_s
        assert [e.value for e in theirs.Scalars("train/loss")] == ours.tags["train/loss"][1]
    options = Options(tokens_per_step=PerRun("", (("*", 64.0),)))
    start_s = time.process_time()
    rows = len(import_logs([folder], options).table)
    taken["isoloss import, all of it"] = time.process_time() - start_s
    print(f"{runs} runs of {points:,} points ({rows:,} evaluations), CPU seconds:")
    for name, seconds in taken.items():
        ratio = seconds / taken["EventAccumulator"]
        print(f"  {name:28} {seconds:8.2f}  ({ratio:.2f} of EventAccumulator)")


def many(folder: Path, count: int) -> None:
    """The time of a folder of many small runs, and of reading it again."""
    history = [{"step": s, "eval_loss" if s % 2 else "loss": 3 - s / 1e3} for s in range(1, 201)]
    for run in range(count):
        path = folder / f"run{run}" / "trainer_state.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"log_history": history, "global_step": 200, "max_steps": 200}))
    options = Options(tokens_per_step=PerRun("", (("*", 64.0),)))
    output = folder.with_name("runs.parquet")
    for what in ("new", "again"):
        remembered = Remembered(output, options.key())
        start_s, cpu_s = time.perf_counter(), time.process_time()
        imported = import_logs([folder], options, remembered=remembered)
        imported.table.to_parquet(output)
        remembered.write()
        taken = time.perf_counter() - start_s, time.process_time() - cpu_s
        print(f"{count} folders, {what}: {taken[0]:.1f} s, of CPU {taken[1]:.1f} s, "
              f"{len(imported.table):,} rows, {imported.n_read} read")  # fmt: skip


if __name__ == "__main__":
    main()
