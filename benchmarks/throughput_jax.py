"""Tokens per second of our kernel against JAX on a CPU, at the same shape.

    pip install jax
    PYTHONPATH=workflow python benchmarks/throughput_jax.py [--repeats 9] [--out FILE]

Both train the transformer of the text study on random bytes in this process: tied embeddings, no
biases, weight decay of matrices, clipping and a schedule. First both do the same steps from the
same weights: the differences of losses and weights are printed. Then they take turns, so that a
busy machine slows both. One thread, float32, CPU time. JAX compiles its turn as one program
(`lax.scan` over the steps), which is faster than a compiled step; compiling is not counted.
"""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import process_time

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from isoloss.corpus.load import Corpus
from isoloss.tasks.language.settings import LanguageRun
from isoloss.train.engines.choose import engine_for
from isoloss.train.engines.native import EPS, Native
from isoloss.train.schedule import learning_rate

SHAPES = [(2, 8, 1), (2, 12, 1), (2, 16, 1), (2, 24, 1), (2, 36, 1), (2, 56, 2), (2, 92, 2)]
VOCAB, CONTEXT, BATCH, N_TOKENS = 256, 64, 4, 2_000_000
SETTINGS = {"peak_lr": 1e-3, "schedule": "cosine", "beta1": 0.9, "beta2": 0.98, "clip_norm": 1.0}
SETTINGS |= {"weight_decay": 0.1, "batch_size": BATCH, "n_evals": 1}
TURN_S = 0.3  # how long a turn of JAX takes, about
COMPARED = 20  # steps

Tree = dict[str, jax.Array]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9, help="turns of each")
    parser.add_argument("--out", type=Path, help="a JSON file for the numbers")
    arguments = parser.parse_args()
    tokens = np.random.default_rng(0).integers(VOCAB, size=N_TOKENS, dtype=np.uint8)
    print(f"JAX {jax.__version__}, {jax.devices()}")
    print(f"{'shape':>12} {'JAX':>9} {'isoloss':>9}  ratio (range)  differ: loss, weights")
    rows = []
    for shape in SHAPES:
        row = compare(shape, tokens, arguments.repeats)
        rows.append(row)
        print(
            f"{row['shape']:>12} {row['jax_tokens_per_s']:>9,.0f} "
            f"{row['isoloss_tokens_per_s']:>9,.0f}  {row['ratio']:.2f} "
            f"({row['ratio_min']:.2f}-{row['ratio_max']:.2f})  "
            f"{row['loss_differs']:.1e}, {row['weights_differ']:.1e}",
            flush=True,
        )
    if arguments.out:
        arguments.out.write_text(json.dumps({"jax": jax.__version__, "measured": rows}, indent=1))


def compare(shape: tuple[int, int, int], tokens: np.ndarray, repeats: int) -> dict:
    """Whether both compute the same, and the tokens per second of both, in turns."""
    run = settings(shape)
    corpus = Corpus(train=tokens, heldout=tokens, card={"vocab_size": VOCAB}, folder=Path())
    engine = engine_for(run, 0, corpus, device="cpu", kernel="native")
    peer = Peer(engine, shape, tokens)
    loss_differs, weights_differ = differences(engine, peer, run)

    def ours(steps: int) -> None:
        for step in range(1, steps + 1):
            engine.step(step, learning_rate(run.training, step, steps, shape[1]))

    def theirs(steps: int) -> None:
        peer.turn([learning_rate(run.training, step, steps, shape[1]) for step in
                   range(1, steps + 1)])  # fmt: skip

    turns = {"jax": theirs, "isoloss": ours}
    theirs(20)  # compiles
    steps = max(20, round(20 * TURN_S / seconds(theirs, 20)))
    for turn in turns.values():
        turn(steps)  # compiles for this number of steps
    rates = {name: [] for name in turns}
    for repeat in range(repeats):
        for name in turns if repeat % 2 else reversed(turns):
            rates[name].append(steps * BATCH * CONTEXT / seconds(turns[name], steps))
    ratios = [b / a for a, b in zip(rates["jax"], rates["isoloss"], strict=True)]
    return {
        "shape": "{} x {}, {}".format(*shape),
        "jax_tokens_per_s": median(rates["jax"]),
        "isoloss_tokens_per_s": median(rates["isoloss"]),
        "ratio": median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "loss_differs": loss_differs,
        "weights_differ": weights_differ,
    }


def settings(shape: tuple[int, int, int]) -> LanguageRun:
    """The run that both train."""
    n_layer, d_model, n_head = shape
    model = {"n_layer": n_layer, "d_model": d_model, "n_head": n_head, "tie_embeddings": True}
    return LanguageRun.model_validate(
        {
            "task": {"kind": "language", "corpus": "random", "context": CONTEXT},
            "model": model,
            "data": {"n_tokens": N_TOKENS // 2, "n_heldout_tokens": CONTEXT},
            "training": SETTINGS,
        }
    )


def seconds(turn: Callable[[int], None], steps: int) -> float:
    start_s = process_time()
    turn(steps)
    return process_time() - start_s


def differences(engine: Native, peer: "Peer", run: LanguageRun) -> tuple[float, float]:
    """The largest difference of the loss, and of the weights relative to their norm."""
    losses = []
    rates = [learning_rate(run.training, k, COMPARED, peer.width) for k in range(1, COMPARED + 1)]
    batches = [engine.problem.batch(step) for step in range(1, COMPARED + 1)]
    for step, rate in enumerate(rates, start=1):
        engine.clear_sums()
        engine.step(step, rate)
        losses.append(engine.sums().loss)
    found = np.array([peer.step(rate, *batch) for rate, batch in zip(rates, batches, strict=True)])
    own = engine.model.tensors(engine.model.parameters)
    miss = sum(float(((peer.state[0][k] - own[k]) ** 2).sum()) for k in own)
    norm = sum(float((own[k] ** 2).sum()) for k in own)
    return float(abs(found - losses).max()), (miss / norm) ** 0.5


class Peer:
    """The same model, loss, clipping and AdamW in JAX, from the engine's weights."""

    def __init__(self, engine: Native, shape: tuple[int, int, int], tokens: np.ndarray):
        self.n_layer, self.width, self.n_head = shape
        parameters = engine.model.tensors(engine.model.parameters)
        weights = {name: jnp.array(values) for name, values in parameters.items()}
        zeros = {name: jnp.zeros_like(values) for name, values in weights.items()}
        self.state = weights, zeros, zeros, jnp.float32(0)
        self.tokens = jnp.array(tokens)
        self.random = np.random.default_rng(1)
        self._step = jax.jit(self._update)
        self._turn = jax.jit(self._scan, donate_argnums=0)

    def step(self, rate: float, ids: np.ndarray, targets: np.ndarray) -> float:
        """One step; the loss before it."""
        batch = jnp.array(ids, jnp.int32), jnp.array(targets, jnp.int32)
        self.state, loss = self._step(self.state, rate, *batch)
        return float(loss)

    def turn(self, rates: list[float]) -> None:
        """Steps with random windows of the text."""
        starts = self.random.integers(N_TOKENS - CONTEXT, size=(len(rates), BATCH))
        self.state, losses = self._turn(
            self.state, jnp.array(rates, jnp.float32), jnp.array(starts, jnp.int32)
        )
        losses.block_until_ready()

    def _scan(self, state: tuple, rates: jax.Array, starts: jax.Array):
        def one(state, drawn):
            rate, first = drawn
            window = self.tokens[first[:, None] + jnp.arange(CONTEXT + 1)].astype(jnp.int32)
            return self._update(state, rate, window[:, :-1], window[:, 1:])

        return lax.scan(one, state, (rates, starts))

    def _update(self, state: tuple, rate: jax.Array, ids: jax.Array, targets: jax.Array):
        weights, first, second, steps = state
        loss, gradient = jax.value_and_grad(self._loss)(weights, ids, targets)
        total = jnp.sqrt(sum((g * g).sum() for g in gradient.values()))
        scale = jnp.minimum(SETTINGS["clip_norm"] / (total + 1e-6), 1.0)
        beta1, beta2, steps = SETTINGS["beta1"], SETTINGS["beta2"], steps + 1
        new = {}, {}, {}
        for name, p in weights.items():
            g = gradient[name] * scale
            m = beta1 * first[name] + (1 - beta1) * g
            v = beta2 * second[name] + (1 - beta2) * g * g
            decay = 1 - rate * SETTINGS["weight_decay"] if p.ndim >= 2 else 1.0
            size = jnp.sqrt(v / (1 - beta2**steps)) + EPS
            for tree, value in zip(new, (p * decay - rate * m / (1 - beta1**steps) / size, m, v),
                                   strict=True):  # fmt: skip
                tree[name] = value
        return (*new, steps), loss

    def _loss(self, p: Tree, ids: jax.Array, targets: jax.Array) -> jax.Array:
        batch, time = ids.shape
        x = p["tokens"][ids] + p["positions"][:time]
        causal = jnp.tril(jnp.ones((time, time), bool))
        for i in range(self.n_layer):
            block = {k.rpartition(".")[2]: v for k, v in p.items() if k.startswith(f"blocks.{i}.")}
            heads = (batch, time, 3, self.n_head, -1)
            normed = layer_norm(x, block["attention_gain"])
            q, k, v = jnp.moveaxis((normed @ block["query_key_value"].T).reshape(heads), 2, 0)
            scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / q.shape[-1] ** 0.5
            mixing = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf))
            mixed = jnp.einsum("bhqk,bkhd->bqhd", mixing, v).reshape(x.shape)
            x = x + mixed @ block["attention_out"].T
            hidden = layer_norm(x, block["feed_gain"]) @ block["feed_in"].T
            x = x + jax.nn.gelu(hidden, approximate=False) @ block["feed_out"].T
        logits = layer_norm(x, p["gain"]) @ p["tokens"].T
        at_target = jnp.take_along_axis(logits, targets[..., None], -1)[..., 0]
        return (jax.nn.logsumexp(logits, axis=-1) - at_target).mean()


def layer_norm(x: jax.Array, gain: jax.Array) -> jax.Array:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(variance + 1e-5) * gain


if __name__ == "__main__":
    main()
