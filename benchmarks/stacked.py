"""Runs that a GPU trains side by side: are they what each is alone, and how fast are they?

    python benchmarks/stacked.py [--device cuda] [--nanogpt PATH] [--limit-s 420] [--out FILE.json]

First it checks a small stack against PyTorch's path for a run alone: gradients in float32, thirty
steps, the CUDA graph of a step, and whole trainings with a neighbour that diverges. A check that
fails is named, and the exit code is then 1.

Then it measures tokens per second and the model-FLOPs utilisation of stacks of 1 to 64 runs, from
1e4 to 1e8 parameters. The peer is nanoGPT's model (PATH: https://github.com/karpathy/nanoGPT) with
the steps of its train.py, compiled, in bfloat16, alone on the GPU. Without a checkout, others are
compared with a stack of one. What does not fit into the memory, or into the time, is left out and
named. On the CPU, sizes are small, and the numbers say nothing of a GPU.

It writes FILE.json and a table, FILE.md, after each row.
"""

import argparse
import gc
import json
import math
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from throughput import (
    BETAS,
    CLIP_NORM,
    N_TOKENS,
    PEAK_LR,
    VOCAB,
    WEIGHT_DECAY,
    Setting,
    load_peer,
    nanogpt_turn,
    peak_flops,
    seconds,
)

from isoloss.corpus.load import Corpus
from isoloss.models.precision import Precision
from isoloss.plan.gpu import stacked_bytes
from isoloss.tasks import task_of
from isoloss.tasks.language.settings import LanguageRun
from isoloss.train.engines.pytorch import PyTorch
from isoloss.train.loop import Trainer
from isoloss.train.schedule import learning_rate
from isoloss.train.stacked.batches import batches_of
from isoloss.train.stacked.engine import Member, Stack, cuda_graph
from isoloss.train.stacked.session import prepared, train_together


@dataclass(frozen=True)
class Sizes:
    """What is measured on a device."""

    setting: Setting
    stacks: tuple[int, ...]
    turn_s: float  # how long a turn takes, about
    repeats: int


SIZES = {
    "cpu": Sizes(Setting(32, 4, [(1, 8, 1), (2, 16, 2)]), (1, 4), 0.05, 3),
    "cuda": Sizes(
        Setting(
            512, 16,
            [(1, 16, 1), (2, 64, 2), (4, 128, 4), (8, 256, 4), (12, 512, 8), (12, 768, 12)],
        ),
        (1, 4, 16, 64), 0.4, 3,
    ),
}  # fmt: skip
MOST_STEP_FLOPS = 1e14  # of a stack: more than half a second
MEMORY = 0.8  # of the GPU, at most
CHECKED = Setting(32, 4, [(2, 32, 2)])  # of the checks, with three runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=SIZES, default="cpu")
    parser.add_argument("--nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--limit-s", type=float, default=420.0, help="when to begin nothing new")
    parser.add_argument("--out", type=Path, help="a JSON file; a table comes beside it")
    arguments = parser.parse_args()
    end_s = time.monotonic() + arguments.limit_s
    torch.set_num_threads(1)
    device, sizes = torch.device(arguments.device), SIZES[arguments.device]
    tokens = np.random.default_rng(0).integers(VOCAB, size=N_TOKENS, dtype=np.uint8)
    found = {
        "torch": torch.__version__,
        "machine": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "context": sizes.setting.context,
        "batch_size": sizes.setting.batch_size,
        "checks": check(device, tokens),
        "measured": [],
        "left_out": [],
    }
    print(json.dumps(found["checks"], indent=1), flush=True)
    peer = load_peer(arguments.nanogpt) if arguments.nanogpt else None
    for compiled in (False, True) if device.type == "cuda" else (False,):
        for shape in sizes.setting.shapes:
            measure(found, shape, sizes, tokens, device, peer, compiled, end_s)
            write(found, arguments.out)
    print(table(found))
    if found["checks"]["failed"]:
        raise SystemExit(f"a stack is not what runs are alone: {found['checks']}")


def write(found: dict, out: Path | None) -> None:
    """Write all that there is so far, so that a run that is cut short leaves its numbers."""
    if out:
        out.write_text(json.dumps(found, indent=1) + "\n")
        out.with_suffix(".md").write_text(table(found) + "\n")


def measure(found, shape, sizes, tokens, device, peer, compiled, end_s) -> None:
    """Add the rows of a shape: of the peer and of each stack, or of stacks that are compiled."""
    setting = sizes.setting
    name = "{} x {}, {}".format(*shape)

    def row(what: str, n_runs: int, begin) -> None:
        if time.monotonic() > end_s:
            found["left_out"].append(f"{name}, {what} of {n_runs}: no time left")
            return
        begun_s = time.monotonic()
        try:
            turn, stack = begin()
            rate = steps_per_s(turn, sizes, device)
        except RuntimeError as error:
            found["left_out"].append(f"{name}, {what} of {n_runs}: {str(error).splitlines()[0]}")
            return
        finally:
            clean(device)
        per_step = n_runs * setting.batch_size * setting.context
        flops_per_s = rate * n_runs * facts.flops_per_step
        peak = peak_flops(device)
        found["measured"].append(
            {
                "shape": name,
                "n_params": facts.counts["n_params"],
                "what": what,
                "runs": n_runs,
                "steps_per_s": rate,
                "tokens_per_s": rate * per_step,
                "utilisation": peak and flops_per_s / peak,
                "cuda_graph": stack is not None and stack.recorded,
                "took_s": time.monotonic() - begun_s,
            }
        )
        print(json.dumps(found["measured"][-1]), flush=True)

    run = run_of(shape, setting)
    facts = task_of(run).arrays(run, 0, corpus_of(tokens))
    if peer and not compiled:
        row("nanoGPT", 1, lambda: (nanogpt_turn(peer, shape, setting, tokens, device)[0], None))
    best = of_shape(found, name, "stack")
    wanted = [best["runs"]] if compiled and best else [] if compiled else sizes.stacks
    for n_runs in wanted:
        what = "stack, compiled" if compiled else "stack"
        if n_runs > 1 and n_runs * facts.flops_per_step > MOST_STEP_FLOPS:
            found["left_out"].append(f"{name}, {what} of {n_runs}: one run fills the GPU")
            continue
        if device.type == "cuda":
            has = torch.cuda.get_device_properties(device).total_memory
            if n_runs * stacked_bytes(run, VOCAB) > MEMORY * has:
                found["left_out"].append(f"{name}, {what} of {n_runs}: no memory for it")
                continue
        row(what, n_runs, lambda n=n_runs: stack_turn(run, n, tokens, device, compiled))


def of_shape(found: dict, name: str, what: str) -> dict | None:
    """The fastest row of a shape, by tokens per second."""
    rows = [r for r in found["measured"] if r["shape"] == name and r["what"] == what]
    return max(rows, key=lambda r: r["tokens_per_s"], default=None)


def steps_per_s(turn, sizes: Sizes, device: torch.device) -> float:
    """The median over some turns."""
    turn(5)  # compiles, records, and chooses kernels
    steps = max(2, round(sizes.turn_s / (seconds(turn, 3, device) / 3)))
    return median(steps / seconds(turn, steps, device) for _ in range(sizes.repeats))


def clean(device: torch.device) -> None:
    """Forget compiled code and free the memory of what was measured."""
    gc.collect()
    if device.type == "cuda":
        torch.compiler.reset()
        torch.cuda.empty_cache()


def run_of(shape: tuple[int, int, int], setting: Setting, **training) -> LanguageRun:
    """A run of the comparison: nanoGPT's settings, on random bytes."""
    n_layer, d_model, n_head = shape
    model = {"n_layer": n_layer, "d_model": d_model, "n_head": n_head, "tie_embeddings": True}
    optimiser = {"peak_lr": PEAK_LR, "schedule": "cosine", "beta1": BETAS[0], "beta2": BETAS[1]}
    optimiser |= {"weight_decay": WEIGHT_DECAY, "clip_norm": CLIP_NORM, "n_evals": 1}
    return LanguageRun.model_validate(
        {
            "task": {"kind": "language", "corpus": "random", "context": setting.context},
            "model": model,
            "data": {"n_tokens": N_TOKENS // 2, "n_heldout_tokens": setting.context},
            "training": optimiser | {"batch_size": setting.batch_size} | training,
        }
    )


def corpus_of(tokens: np.ndarray) -> Corpus:
    return Corpus(train=tokens, heldout=tokens, card={"vocab_size": VOCAB}, folder=Path())


def stack_of(runs, tokens, device, precision=None, record=None) -> Stack:
    """A stack of runs with the seeds 0, 1, ..."""
    seeds, corpus = range(len(runs)), corpus_of(tokens)
    problems = [
        task_of(r).arrays(r, seed, corpus) for r, seed in zip(runs[:3], seeds[:3], strict=True)
    ]
    # To draw many weights takes long, and the speed depends on none. Batches are each run's own.
    problems += problems[:1] * (len(runs) - len(problems))
    batches = batches_of(problems, runs, seeds, corpus, device, torch.float32)
    trainings = [run.training for run in runs]
    return Stack(problems, trainings, batches, precision or Precision(), record)


def stack_turn(run, n_runs: int, tokens, device, compiled: bool):
    """The steps of a stack with the batches of each run, without evaluations."""
    cuda = device.type == "cuda"
    precision = Precision(torch.bfloat16 if cuda else None, "inductor" if compiled else None)
    stack = stack_of([run] * n_runs, tokens, device, precision, cuda_graph if cuda else None)
    facts = stack.problems[0]

    def turn(steps: int) -> None:
        for step in range(1, steps + 1):
            rate = learning_rate(run.training, step, steps, facts.width)
            stack.step([step] * n_runs, [rate] * n_runs)

    return turn, stack


def check(device: torch.device, tokens: np.ndarray) -> dict:
    """How far a stack is from runs alone, and which of the checks have failed."""
    shape = CHECKED.shapes[0]
    runs = [run_of(shape, CHECKED, **more) for more in ({}, {"peak_lr": 3e-3}, {"clip_norm": 0.1})]
    found = {"gradients_apart": gradients_apart(runs, tokens, device)}
    found |= steps_apart(runs, tokens, device)
    if device.type == "cuda":
        found["graph"] = recorded(runs, tokens, device)
    found["trainings_apart"] = trainings_apart(shape, tokens, device)
    limits = {"gradients_apart": 1e-5, "losses_apart": 1e-4, "parameters_apart": 1e-2}
    limits |= {"trainings_apart": 2e-2}
    failed = [name for name, limit in limits.items() if not found[name] < limit]
    failed += [] if found.get("graph", True) else ["graph"]
    return found | {"failed": failed}


def gradients_apart(runs, tokens, device) -> float:
    """The largest difference of a gradient in float32, as a share of its norm."""
    stack = stack_of(runs, tokens, device)
    torch.backends.cuda.matmul.allow_tf32 = False
    stack.batches.fill([1] * len(runs))
    _, gradients = stack.gradients()
    apart = 0.0
    for i, run in enumerate(runs):
        single = alone(run, i, tokens, device)
        single._gradients(single.problem.batch(1))
        found = stack._layout.parts(gradients[i].cpu().numpy())
        for name, parameter in single.problem.model.named_parameters():
            expected = parameter.grad.cpu().numpy()
            if norm := np.linalg.norm(expected):
                apart = max(apart, float(np.linalg.norm(found[name] - expected) / norm))
    return apart


def alone(run, seed: int, tokens, device) -> PyTorch:
    """The engine of a run that is trained alone, in float32."""
    single = PyTorch(task_of(run).build(run, seed, corpus_of(tokens), device), run.training)
    torch.backends.cuda.matmul.allow_tf32 = False
    if device.type == "cuda":
        single.problem.model.autocast = None
    return single


def steps_apart(runs, tokens, device, steps: int = 30) -> dict[str, float]:
    """Thirty steps in float32: the mean losses apart, and the changes of the parameters."""
    stack = stack_of(runs, tokens, device)
    torch.backends.cuda.matmul.allow_tf32 = False
    before = stack.parameters.detach().clone()
    singles = [alone(run, i, tokens, device) for i, run in enumerate(runs)]
    for step in range(1, steps + 1):
        rates = [learning_rate(run.training, step, steps, stack.problems[0].width) for run in runs]
        stack.step([step] * len(runs), rates)
        for single, rate in zip(singles, rates, strict=True):
            single.step(step, rate)
    found = {"losses_apart": 0.0, "parameters_apart": 0.0}
    for i, single in enumerate(singles):
        apart = abs(Member(stack, i).sums().loss / single.sums().loss - 1)
        found["losses_apart"] = max(found["losses_apart"], apart)
        weights = single.problem.model.named_parameters()
        expected = stack._layout.row({name: w.detach().cpu().numpy() for name, w in weights})
        ours, first = (rows[i].detach().cpu().numpy() for rows in (stack.parameters, before))
        apart = float(np.linalg.norm(ours - expected) / np.linalg.norm(expected - first))
        found["parameters_apart"] = max(found["parameters_apart"], apart)
    return found


def recorded(runs, tokens, device) -> bool:
    """Whether a step is recorded as a graph, and does what the step without one does."""
    stack = stack_of(runs, tokens, device, Precision(torch.bfloat16), cuda_graph)
    stack.step([1] * len(runs), [1e-3] * len(runs))
    return stack.recorded


def trainings_apart(shape, tokens, device) -> float:
    """Whole trainings, as a job has them, beside one that diverges: the final losses apart."""
    run = run_of(shape, CHECKED, n_evals=4)
    n_tokens = 60 * CHECKED.batch_size * CHECKED.context
    data = run.data.model_copy(update={"n_tokens": n_tokens, "n_heldout_tokens": 3200})
    lost = run.training.model_copy(update={"peak_lr": 1e20})
    run = run.model_copy(update={"data": data})
    runs = [run, run.model_copy(update={"training": lost}), run]
    corpus, ended = corpus_of(tokens), {}
    with tempfile.TemporaryDirectory() as folder:
        jobs = [
            prepared(
                {"job_id": f"run{i}", "seed": i, "checkpoint": f"{folder}/run{i}.safetensors",
                 "trunk": "", "to_be_continued": False},
                one, corpus,
            )
            for i, one in enumerate(runs)
        ]  # fmt: skip
        train_together(jobs, corpus, device.type, lambda s: ended.setdefault(s.job.seed, s))
    if ended[1].reason is None or ended[0].reason or ended[2].reason:
        return math.inf  # the wrong run diverged
    apart = 0.0
    for seed in (0, 2):
        problem = task_of(run).build(run, seed, corpus, device)
        single = Trainer(PyTorch(problem, run.training), run.training)
        single.run()
        ours = ended[seed].trainer.rows[-1]["loss"]
        apart = max(apart, abs(ours / single.rows[-1]["loss"] - 1))
    return apart


def table(found: dict) -> str:
    """The rows as a Markdown table, each with its ratio to the peer, or to a stack of one."""
    lines = [
        "| parameters | layers x width, heads | what | runs | tokens/s | utilisation | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in found["measured"]:
        name = row["shape"]
        peer = of_shape(found, name, "nanoGPT") or next(
            (r for r in found["measured"] if r["shape"] == name and r["runs"] == 1), None
        )
        ratio = row["tokens_per_s"] / peer["tokens_per_s"] if peer else math.nan
        used = "" if row["utilisation"] is None else f"{100 * row['utilisation']:.1f} %"
        lines.append(
            f"| {row['n_params']:,} | {name} | {row['what']} | {row['runs']} "
            f"| {row['tokens_per_s']:,.0f} | {used} | {ratio:.2f} |"
        )
    return "\n".join([*lines, "", *(f"Left out: {one}." for one in found["left_out"])]).rstrip()


if __name__ == "__main__":
    main()
