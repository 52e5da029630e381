"""A training step and an evaluation by the kernel against PyTorch's, at the same shape.

    python benchmarks/kernel.py [--only WIDTH ...] [--repeats 15] [--out FILE]

Both take turns in this process, on one thread, so that a busy machine slows both. Times are CPU
time. The fp32 peak is measured too: multiply-adds in registers, compiled for this processor.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from isoloss.config import runs
from isoloss.counting import transformer_flops
from isoloss.models import transformer as pytorch
from isoloss.models.shapes import TransformerShape
from isoloss.native import build, compiler, optimiser
from isoloss.native.transformer import Transformer
from isoloss.tasks.streams import Stream
from isoloss.train.optim import AdamW, clip_gradients

# Layers, width, heads, context, vocabulary, sequences of a step.
SHAPES = [
    *((2, 8, 1, 64, 256, 4), (2, 12, 1, 64, 256, 4), (2, 16, 1, 64, 256, 4)),
    *((2, 24, 1, 64, 256, 4), (2, 36, 1, 64, 256, 4), (2, 56, 2, 64, 256, 4)),
    *((2, 92, 2, 64, 256, 4), (4, 128, 4, 64, 256, 16), (4, 192, 4, 64, 256, 16)),
    *((4, 256, 4, 128, 256, 16), (2, 512, 8, 64, 256, 16), (2, 128, 4, 256, 4096, 4)),
]
LR, BETA1, BETA2, EPS, WEIGHT_DECAY, CLIP_NORM = 1e-4, 0.9, 0.98, 1e-8, 0.1, 1.0
HEAD = """\
                      step                                          evaluation
shape                 tokens/s GFLOP/s  peak   x PyTorch (range)    tokens/s x PyTorch"""
TURN_S = 0.1  # how long a turn of PyTorch takes, about

Turn = Callable[[int], None]  # do something so many times


def main() -> None:
    run(__doc__, SHAPES, measure, HEAD, line)


def run(
    text: str,
    shapes: Sequence[tuple],
    measure: Callable[[tuple, int], dict],
    head: str,
    line: Callable[[dict], str],
) -> None:
    """Measure shapes as the command line asks, print a line each, and write them to a file."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--only", type=int, nargs="+", metavar="WIDTH", help="these widths")
    parser.add_argument("--repeats", type=int, default=15, help="turns of each")
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if build.library() is None:
        raise SystemExit(f"there is no kernel: {build.why_not()}")
    peak = peak_gflops()
    print(f"measured fp32 peak: {peak:.0f} GFLOP/s\n{head}")
    rows = []
    for shape in shapes:
        if arguments.only and shape[1] not in arguments.only:
            continue
        row = measure(shape, arguments.repeats)
        rows.append(row | {"share_of_peak": row["gflops"] / peak})
        print(line(rows[-1]), flush=True)
    if arguments.out:
        about = {"torch": torch.__version__, "machine": platform.platform()}
        about |= {"kernel": build.facts(), "peak_gflops": peak}
        arguments.out.write_text(json.dumps(about | {"measured": rows}, indent=1))


def line(row: dict) -> str:
    """What is printed of a shape."""
    return (
        f"{row['shape']:<20} {row['tokens_per_s']:>9,.0f} {row['gflops']:>7.1f} "
        f"{row['share_of_peak']:>6.0%}  {row['ratio']:>5.2f} "
        f"({row['ratio_min']:.2f}-{row['ratio_max']:.2f})  "
        f"{row['evaluation_tokens_per_s']:>12,.0f} {row['evaluation_ratio']:>8.2f}"
    )


def peak_gflops() -> float:
    """Multiply-adds a second of this processor, each two operations; the best of three."""
    source = Path(__file__).with_name("peak.cpp")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peak"
        options = ["-std=c++17", "-O3", "-march=native", "-ffp-contract=fast"]
        subprocess.run([*compiler.compilers()[0], *options, source, "-o", program], check=True)
        return max(float(subprocess.check_output([program])) for _ in range(3))


def measure(shape: tuple[int, ...], repeats: int) -> dict:
    """CPU time of a step and of an evaluation of both, in turns."""
    n_layer, d_model, n_head, context, vocab, batch = shape
    settings = runs.Transformer(n_layer=n_layer, d_model=d_model, n_head=n_head)
    of = TransformerShape(model=settings, vocab_size=vocab, context=context)
    model = pytorch.Transformer(of, of.initial(Stream(0)))
    ours = Transformer(
        vocab_size=vocab,
        context=context,
        n_layer=n_layer,
        d_model=d_model,
        n_head=n_head,
        d_ff=4 * d_model,
        tie_embeddings=settings.tie_embeddings,
        batch_size=batch,
    )
    with torch.no_grad():
        ours.parameters[:] = torch.cat([p.flatten() for p in model.parameters()]).numpy()
    ids = np.random.default_rng(0).integers(vocab, size=(batch, context + 1), dtype=np.int32)
    steps = compare(*steps_of(model, ours, ids), repeats)
    evaluations = compare(*evaluations_of(model, ours, ids), repeats)
    flops = batch * transformer_flops(settings, vocab, context).training
    tokens = batch * context
    return {
        "shape": f"{n_layer}x{d_model} {batch}x{context} of {vocab}",
        "n_params": len(ours.parameters),
        "tokens_per_s": tokens / steps["ours_s"],
        "gflops": flops / steps["ours_s"] / 1e9,
        "ratio": steps["ratio"],
        "ratio_min": steps["ratio_min"],
        "ratio_max": steps["ratio_max"],
        "evaluation_tokens_per_s": tokens / evaluations["ours_s"],
        "evaluation_ratio": evaluations["ratio"],
    }


def steps_of(model: pytorch.Transformer, ours: Transformer, ids: np.ndarray) -> tuple[Turn, Turn]:
    """Forward, backward, clipping and AdamW by PyTorch and by the kernel."""
    adamw = AdamW(model, beta1=BETA1, beta2=BETA2, weight_decay=WEIGHT_DECAY, eps=EPS)
    tokens = torch.from_numpy(ids.astype(np.int64))

    def theirs(steps: int) -> None:
        for _ in range(steps):
            loss = model.loss(tokens[:, :-1], tokens[:, 1:])
            adamw.zero_grad()
            loss.backward()
            clip_gradients(adamw.parameters, CLIP_NORM)
            adamw.step(LR)

    def kernel(steps: int) -> None:
        for step in range(1, steps + 1):
            ours.backward(ids[:, :-1], ids[:, 1:])
            optimiser.update(
                ours,
                step=step,
                lr=LR,
                beta1=BETA1,
                beta2=BETA2,
                eps=EPS,
                weight_decay=WEIGHT_DECAY,
                clip_norm=CLIP_NORM,
            )

    return theirs, kernel


def evaluations_of(
    model: pytorch.Transformer, ours: Transformer, ids: np.ndarray
) -> tuple[Turn, Turn]:
    """Losses of a batch without gradients."""
    tokens = torch.from_numpy(ids.astype(np.int64))

    def theirs(times: int) -> None:
        with torch.no_grad():
            for _ in range(times):
                model.loss(tokens[:, :-1], tokens[:, 1:])

    def kernel(times: int) -> None:
        for _ in range(times):
            ours.evaluate(ids[:, :-1], ids[:, 1:])

    return theirs, kernel


def compare(theirs: Turn, ours: Turn, repeats: int) -> dict[str, float]:
    """Seconds of each, and how many times as long theirs takes: median, least and most."""
    for turn in (theirs, ours):
        turn(2)
    times = max(1, round(TURN_S / seconds(theirs, 2)))
    pairs = []
    for repeat in range(repeats):
        order = (theirs, ours) if repeat % 2 else (ours, theirs)
        taken = {turn: seconds(turn, times) for turn in order}
        pairs.append((taken[theirs], taken[ours]))
    ratios = [a / b for a, b in pairs]
    return {
        "ours_s": median(b for _, b in pairs),
        "ratio": median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


def seconds(turn: Turn, times: int) -> float:
    """CPU seconds of one."""
    start = time.process_time()
    turn(times)
    return (time.process_time() - start) / times


if __name__ == "__main__":
    main()
