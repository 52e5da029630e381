"""Tokens per second of our transformer and loop against nanoGPT's, at the same shape.

    python benchmarks/throughput.py PATH_TO_NANOGPT [--batch-size 8] [--repeats 15] [--out FILE]

PATH_TO_NANOGPT is a checkout of https://github.com/karpathy/nanoGPT. Both train on random bytes in
this process: one thread, float32, tied embeddings, no biases, weight decay, clipping and a
schedule; nanoGPT with the steps of its train.py. They take turns, so that a busy machine slows
both, and CPU time is measured, which on one thread of an idle machine is the wall-clock time.
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
from pathlib import Path
from statistics import median
from types import ModuleType

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))

from isoloss.config.runs import LanguageRun
from isoloss.corpus.load import Corpus
from isoloss.tasks import language
from isoloss.tasks.problem import Problem
from isoloss.train.loop import train

SHAPES = [  # layers, width, heads: five of the text study, and nanoGPT's own for a CPU
    (2, 8, 1),
    (2, 16, 1),
    (2, 24, 1),
    (2, 40, 1),
    (2, 88, 2),
    (4, 128, 4),
]
CONTEXT, VOCAB, WEIGHT_DECAY, PEAK_LR, BETAS, CLIP_NORM = 64, 256, 0.1, 1e-3, (0.9, 0.98), 1.0
N_TOKENS = 2_000_000
TURN_S = 0.3  # how long a turn takes, about

Turn = Callable[[int], None]  # train for so many steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("nanogpt", type=Path, help="a checkout of nanoGPT")
    parser.add_argument("--batch-size", type=int, default=8, help="sequences a step")
    parser.add_argument("--repeats", type=int, default=15, help="turns of each")
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tokens = np.random.default_rng(0).integers(VOCAB, size=N_TOKENS, dtype=np.uint8)
    peer = load_peer(arguments.nanogpt)
    print(f"{'shape':>12} {'parameters':>10} {'nanoGPT':>9} {'isoloss':>9}  ratio (range of turns)")
    rows = []
    for shape in SHAPES:
        row = compare(peer, shape, tokens, arguments.batch_size, arguments.repeats)
        rows.append(row)
        print(
            f"{row['shape']:>12} {row['n_params']:>10,} {row['nanogpt_tokens_per_s']:>9,.0f} "
            f"{row['isoloss_tokens_per_s']:>9,.0f}  {row['ratio']:.2f} "
            f"({row['ratio_min']:.2f}-{row['ratio_max']:.2f})",
            flush=True,
        )
    if arguments.out:
        machine = {"torch": torch.__version__, "machine": platform.platform(), "threads": 1}
        settings = {"context": CONTEXT, "batch_size": arguments.batch_size, "dtype": "float32"}
        arguments.out.write_text(json.dumps(machine | settings | {"measured": rows}, indent=1))


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
    peer: ModuleType, shape: tuple[int, int, int], tokens: np.ndarray, batch_size: int, repeats: int
) -> dict:
    """Tokens per second of both, in turns."""
    theirs, n_params = nanogpt_turn(peer, shape, tokens, batch_size)
    ours, own_params = isoloss_turn(shape, tokens, batch_size)
    if n_params != own_params:
        raise SystemExit(f"{shape}: nanoGPT has {n_params} parameters and ours {own_params}")
    for turn in (theirs, ours):
        turn(5)
    steps = max(3, round(TURN_S / (seconds(theirs, 5) / 5)))
    rates = {"nanogpt": [], "isoloss": []}
    for repeat in range(repeats):
        order = [("nanogpt", theirs), ("isoloss", ours)]
        for name, turn in order if repeat % 2 else reversed(order):
            rates[name].append(steps * batch_size * CONTEXT / seconds(turn, steps))
    ratios = [b / a for a, b in zip(rates["nanogpt"], rates["isoloss"], strict=True)]
    return {
        "shape": "{} x {}, {}".format(*shape),
        "n_params": n_params,
        "nanogpt_tokens_per_s": median(rates["nanogpt"]),
        "isoloss_tokens_per_s": median(rates["isoloss"]),
        "ratio": median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
    }


def seconds(turn: Turn, steps: int) -> float:
    start_s = time.process_time()
    turn(steps)
    return time.process_time() - start_s


def isoloss_turn(shape: tuple[int, int, int], tokens: np.ndarray, batch: int) -> tuple[Turn, int]:
    """Our model in our loop, with a new optimiser for each turn and no evaluation."""
    n_layer, d_model, n_head = shape
    run = LanguageRun.model_validate(
        {
            "task": {"kind": "language", "corpus": "random", "context": CONTEXT},
            "model": {
                "n_layer": n_layer,
                "d_model": d_model,
                "n_head": n_head,
                "tie_embeddings": True,
            },
            "data": {"n_tokens": N_TOKENS // 2, "n_heldout_tokens": CONTEXT},
            "training": {
                "peak_lr": PEAK_LR,
                "schedule": "cosine",
                "batch_size": batch,
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
    problem = language.build(run, 0, corpus, torch.device("cpu"))

    def turn(steps: int) -> None:
        train(
            Problem(**vars(problem) | {"steps": steps, "evaluate": lambda model: {"loss": 0.0}}),
            run.training,
        )

    return turn, problem.counts["n_params"]


def nanogpt_turn(
    peer: ModuleType, shape: tuple[int, int, int], tokens: np.ndarray, batch: int
) -> tuple[Turn, int]:
    """nanoGPT's model, with the steps of its train.py and no evaluation, log or checkpoint."""
    n_layer, d_model, n_head = shape
    with contextlib.redirect_stdout(io.StringIO()):
        model = peer.GPT(
            peer.GPTConfig(
                block_size=CONTEXT,
                vocab_size=VOCAB,
                n_layer=n_layer,
                n_head=n_head,
                n_embd=d_model,
                dropout=0.0,
                bias=False,
            )
        )
        optimizer = model.configure_optimizers(WEIGHT_DECAY, PEAK_LR, BETAS, "cpu")

    def next_batch() -> tuple[torch.Tensor, torch.Tensor]:
        starts = torch.randint(len(tokens) - CONTEXT, (batch,))
        rows = [torch.from_numpy(tokens[i : i + CONTEXT + 1].astype(np.int64)) for i in starts]
        return torch.stack([r[:-1] for r in rows]), torch.stack([r[1:] for r in rows])

    def turn(steps: int) -> None:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = PEAK_LR * (1 + math.cos(math.pi * step / steps)) / 2
            _, loss = model(*next_batch())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return turn, sum(p.numel() for p in model.parameters())


if __name__ == "__main__":
    main()
