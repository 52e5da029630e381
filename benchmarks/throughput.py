"""Tokens per second of our transformer and loop against nanoGPT's, at the same shape.

    python benchmarks/throughput.py PATH_TO_NANOGPT [--device cuda] [--kernel torch] [--repeats 15]
        [--out FILE]

PATH_TO_NANOGPT is a checkout of https://github.com/karpathy/nanoGPT. Both train on random bytes in
this process: tied embeddings, no biases, weight decay, clipping and a schedule; nanoGPT with the
steps of its train.py. They take turns, so that a busy machine slows both. On the CPU: one thread,
float32, and CPU time, which on one thread of an idle machine is the wall-clock time. On CUDA: both
with bfloat16 products and compiled, wall-clock time, and the model-FLOPs utilisation of ours.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import math
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from types import ModuleType

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from isoloss.corpus.load import Corpus
from isoloss.models.precision import Precision, prepare
from isoloss.tasks.language.settings import LanguageRun
from isoloss.train.engines.base import Engine
from isoloss.train.engines.choose import engine_for
from isoloss.train.schedule import learning_rate


@dataclass(frozen=True)
class Setting:
    """What is compared on a device."""

    context: int
    batch_size: int  # sequences a step
    shapes: list[tuple[int, int, int]]  # layers, width, heads


SETTINGS = {
    "cpu": Setting(  # those of the text study, and nanoGPT's own for a CPU
        context=64,
        batch_size=4,
        shapes=[
            *((2, 8, 1), (2, 12, 1), (2, 16, 1), (2, 24, 1), (2, 36, 1), (2, 56, 2), (2, 92, 2)),
            (4, 128, 4),
        ],
    ),
    "cuda": Setting(  # those of config/gpu.yaml
        context=512,
        batch_size=16,
        shapes=[
            *((2, 64, 2), (3, 96, 3), (4, 128, 4), (6, 192, 6), (8, 256, 4), (10, 384, 6)),
            *((12, 512, 8), (12, 768, 12)),
        ],
    ),
}
VOCAB, WEIGHT_DECAY, PEAK_LR, BETAS, CLIP_NORM = 256, 0.1, 1e-3, (0.9, 0.98), 1.0
# In bfloat16, dense, by NVIDIA's data sheets.
PEAK_FLOPS = {
    "H100 PCIe": 756e12,
    "H200": 989e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
}
N_TOKENS = 2_000_000
TURN_S = 0.3  # how long a turn takes, about

Turn = Callable[[int], None]  # train for so many steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--device", choices=SETTINGS, default="cpu")
    parser.add_argument("--kernel", choices=("auto", "native", "torch"), default="auto")
    parser.add_argument("--repeats", type=int, default=15, help="turns of each")
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device, setting = torch.device(arguments.device), SETTINGS[arguments.device]
    tokens = np.random.default_rng(0).integers(VOCAB, size=N_TOKENS, dtype=np.uint8)
    peer = load_peer(arguments.nanogpt)
    print(f"{'shape':>12} {'parameters':>10} {'nanoGPT':>9} {'isoloss':>9}  ratio (range of turns)")
    rows = []
    for shape in setting.shapes:
        row = compare(peer, shape, setting, tokens, device, arguments.kernel, arguments.repeats)
        rows.append(row)
        used = row["utilisation"]
        print(
            f"{row['shape']:>12} {row['n_params']:>10,} {row['nanogpt_tokens_per_s']:>9,.0f} "
            f"{row['isoloss_tokens_per_s']:>9,.0f}  {row['ratio']:.2f} "
            f"({row['ratio_min']:.2f}-{row['ratio_max']:.2f})"
            + ("" if used is None else f"  {100 * used:.1f} % of the peak"),
            flush=True,
        )
    if arguments.out:
        about = {"torch": torch.__version__, "machine": platform.platform(), "threads": 1}
        used = {"device": arguments.device, "context": setting.context}
        used |= {"batch_size": setting.batch_size, "measured": rows}
        arguments.out.write_text(json.dumps(about | used, indent=1))


def load_peer(folder: Path) -> ModuleType:
    """nanoGPT's model.py."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", folder / "model.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError:
        raise SystemExit(f"{folder}: there is no model.py; is it a checkout of nanoGPT?") from None
    return module


def compare(
    peer: ModuleType,
    shape: tuple[int, int, int],
    setting: Setting,
    tokens: np.ndarray,
    device: torch.device,
    kernel: str,
    repeats: int,
) -> dict:
    """Tokens per second of both, in turns."""
    theirs, n_params = nanogpt_turn(peer, shape, setting, tokens, device)
    ours, engine = isoloss_turn(shape, setting, tokens, device, kernel)
    problem = engine.facts
    if n_params != problem.counts["n_params"]:
        raise SystemExit(f"{shape}: nanoGPT has {n_params} parameters, ours {problem.counts}")
    for turn in (theirs, ours):
        turn(5)
    steps = max(3, round(TURN_S / (seconds(theirs, 5, device) / 5)))
    rates = {"nanogpt": [], "isoloss": []}
    per_step = setting.batch_size * setting.context
    for repeat in range(repeats):
        order = [("nanogpt", theirs), ("isoloss", ours)]
        for name, turn in order if repeat % 2 else reversed(order):
            rates[name].append(steps * per_step / seconds(turn, steps, device))
    ratios = [b / a for a, b in zip(rates["nanogpt"], rates["isoloss"], strict=True)]
    peak = peak_flops(device)
    flops_per_s = median(rates["isoloss"]) * problem.flops_per_step / per_step
    return {
        "shape": "{} x {}, {}".format(*shape),
        "n_params": n_params,
        "kernel": engine.kernel,
        "nanogpt_tokens_per_s": median(rates["nanogpt"]),
        "isoloss_tokens_per_s": median(rates["isoloss"]),
        "isoloss_flops_per_s": flops_per_s,
        "utilisation": peak and flops_per_s / peak,
        "ratio": median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


def peak_flops(device: torch.device) -> float | None:
    """The peak of a GPU that is known by its name; None for another, and for the CPU."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
    return next((peak for part, peak in PEAK_FLOPS.items() if part in name), None)


def seconds(turn: Turn, steps: int, device: torch.device) -> float:
    if device.type == "cpu":
        start_s = time.process_time()
        turn(steps)
        return time.process_time() - start_s
    torch.cuda.synchronize(device)
    start_s = time.perf_counter()
    turn(steps)
    torch.cuda.synchronize(device)
    return time.perf_counter() - start_s


def isoloss_turn(
    shape: tuple[int, int, int],
    setting: Setting,
    tokens: np.ndarray,
    device: torch.device,
    kernel: str,
) -> tuple[Turn, Engine]:
    """The steps of our loop, without evaluations."""
    n_layer, d_model, n_head = shape
    run = LanguageRun.model_validate(
        {
            "task": {"kind": "language", "corpus": "random", "context": setting.context},
            "model": {
                "n_layer": n_layer,
                "d_model": d_model,
                "n_head": n_head,
                "tie_embeddings": True,
            },
            "data": {"n_tokens": N_TOKENS // 2, "n_heldout_tokens": setting.context},
            "training": {
                "peak_lr": PEAK_LR,
                "schedule": "cosine",
                "batch_size": setting.batch_size,
                "beta1": BETAS[0],
                "beta2": BETAS[1],
                "weight_decay": WEIGHT_DECAY,
                "clip_norm": CLIP_NORM,
                "n_evals": 1,
            },
        }
    )
    card = {"vocab_size": VOCAB}
    corpus = Corpus(train=tokens, heldout=tokens, card=card, folder=Path())
    engine = engine_for(run, 0, corpus, device=device.type, kernel=kernel)
    if device.type == "cuda":
        prepare(engine.problem.model, device, Precision(torch.bfloat16, "inductor"))

    def turn(steps: int) -> None:
        for step in range(1, steps + 1):
            engine.step(step, learning_rate(run.training, step, steps, d_model))

    return turn, engine


def nanogpt_turn(
    peer: ModuleType,
    shape: tuple[int, int, int],
    setting: Setting,
    tokens: np.ndarray,
    device: torch.device,
) -> tuple[Turn, int]:
    """nanoGPT's model, with the steps of its train.py and no evaluation, log or checkpoint."""
    n_layer, d_model, n_head = shape
    context, cuda = setting.context, device.type == "cuda"
    with contextlib.redirect_stdout(io.StringIO()):
        model = peer.GPT(
            peer.GPTConfig(
                block_size=context,
                vocab_size=VOCAB,
                n_layer=n_layer,
                n_head=n_head,
                n_embd=d_model,
                dropout=0.0,
                bias=False,
            )
        )
        model.to(device)
        optimizer = model.configure_optimizers(WEIGHT_DECAY, PEAK_LR, BETAS, device.type)
    n_params = sum(p.numel() for p in model.parameters())
    forward = torch.compile(model) if cuda else model
    precision = torch.autocast("cuda", torch.bfloat16) if cuda else contextlib.nullcontext()

    def next_batch() -> list[torch.Tensor]:
        starts = torch.randint(len(tokens) - context, (setting.batch_size,))
        rows = [torch.from_numpy(tokens[i : i + context + 1].astype(np.int64)) for i in starts]
        parts = [torch.stack([r[:-1] for r in rows]), torch.stack([r[1:] for r in rows])]
        return [p.pin_memory().to(device, non_blocking=True) for p in parts] if cuda else parts

    def turn(steps: int) -> None:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = PEAK_LR * (1 + math.cos(math.pi * step / steps)) / 2
            with precision:
                _, loss = forward(*next_batch())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return turn, n_params


if __name__ == "__main__":
    main()
