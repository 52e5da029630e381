"""Parameters of a Hugging Face model, counted from its weights' header or its config.json."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoloss.errors import UserError
from isoloss.logs.reading import read_json

MOST_HEADER = 100_000_000  # bytes; safetensors' own limit
TABLES = ("wte.weight", "wpe.weight", "embed_tokens.weight", "embed_in.weight",
          "embed_positions.weight", "word_embeddings.weight", "tok_embeddings.weight")  # fmt: skip
HEADS = ("lm_head.weight", "embed_out.weight", "output.weight", "lm_head.bias")
BUFFERS = (".masked_bias", "inv_freq")
LIKE_LLAMA = ("llama", "mistral", "qwen2", "qwen3", "gemma", "olmo", "olmo2")


@dataclass(frozen=True)
class Sizes:
    """Parameters of a model."""

    total: int  # tied matrices once
    tables: int  # embeddings of tokens and positions
    head: int  # output matrix; 0 where it is the token embedding

    @property
    def non_embedding(self) -> int:
        """Without embeddings and without an output matrix of its own."""
        return self.total - self.tables - self.head

    @property
    def of_flop(self) -> int:
        """As Hugging Face's `total_flos` counts: without embeddings, an output matrix in."""
        return self.total - self.tables


def sizes_beside(folder: Path) -> tuple[Sizes | None, str]:
    """The parameters of the model in a folder, and where they are said; or None, and why not.

    Raises
    ------
    UserError
        A file is damaged.
    """
    weights = sorted(folder.glob("model*.safetensors"))
    if weights:
        return of_weights(weights), "the header of model.safetensors"
    config = folder / "config.json"
    if config.is_file():
        sizes, why = of_config(read_json(config))
        return sizes, "config.json" if sizes else why
    return None, ""


def of_weights(paths: list[Path]) -> Sizes:
    """Count the tensors of safetensors files, without reading them.

    Raises
    ------
    UserError
        A file is no safetensors file.
    """
    counts: dict[str, int] = {}
    for path in paths:
        try:
            with path.open("rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if length > MOST_HEADER:
                    raise ValueError(f"a header of {length:,} bytes")
                header = json.loads(file.read(length))
            counts |= {
                name: math.prod(map(int, tensor["shape"]))
                for name, tensor in header.items()
                if name != "__metadata__"
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise UserError(str(path), ["is no whole safetensors file"]) from error
    # Masks and other buffers are no parameters.
    counts = {name: n for name, n in counts.items() if not name.endswith(BUFFERS)}
    tables = sum(n for name, n in counts.items() if name.endswith(TABLES))
    heads = sum(n for name, n in counts.items() if name.endswith(HEADS))
    return Sizes(sum(counts.values()), tables, heads)


def of_config(config: Any) -> tuple[Sizes | None, str]:
    """Count from a config.json; None with a reason where its kind of model is not known here."""
    if not isinstance(config, Mapping):
        return None, "config.json is no object of names and values"
    kind = config.get("model_type")
    try:
        if kind == "gpt2":
            return _gpt2(config), ""
        if kind == "gpt_neox":
            return _gpt_neox(config), ""
        if kind in LIKE_LLAMA and not config.get("quantization_config"):
            return _like_llama(config, kind), ""
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None, f"config.json of {kind!r} lacks a size"
    return None, f"config.json has model_type {kind!r}, whose parameters isoloss does not count"


def _whole(config, *names) -> int:
    for name in names:
        value = config.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(name)
            return value
    raise KeyError(names[0])


def _gpt2(config) -> Sizes:
    n, d, v = _whole(config, "n_layer"), _whole(config, "n_embd"), _whole(config, "vocab_size")
    f = _whole(config, "n_inner") if config.get("n_inner") else 4 * d
    tables = (v + _whole(config, "n_positions")) * d
    block = 4 * d * d + 4 * d + 2 * d * f + f + d + 4 * d
    head = 0 if config.get("tie_word_embeddings", True) else v * d
    return Sizes(tables + n * block + 2 * d + head, tables, head)


def _gpt_neox(config) -> Sizes:
    n, d = _whole(config, "num_hidden_layers"), _whole(config, "hidden_size")
    f, v = _whole(config, "intermediate_size"), _whole(config, "vocab_size")
    attention = 4 * d * d + (4 * d if config.get("attention_bias", True) else 0)
    block = attention + 2 * d * f + f + d + 4 * d
    head = 0 if config.get("tie_word_embeddings", False) else v * d
    return Sizes(v * d + n * block + 2 * d + head, v * d, head)


def _like_llama(config, kind) -> Sizes:
    n, d = _whole(config, "num_hidden_layers"), _whole(config, "hidden_size")
    f, v = _whole(config, "intermediate_size"), _whole(config, "vocab_size")
    heads = _whole(config, "num_attention_heads")
    kv = _whole(config, "num_key_value_heads", "num_attention_heads")
    each = _whole(config, "head_dim") if config.get("head_dim") else d // heads
    q_width, kv_width = heads * each, kv * each
    attention = 2 * d * q_width + 2 * d * kv_width
    if kind == "qwen2" or config.get("attention_bias"):
        attention += q_width + 2 * kv_width
        if config.get("attention_bias") and kind != "qwen2":
            attention += d
    gains = {"olmo": 0, "qwen3": 2 * d + 2 * each, "olmo2": 2 * d + q_width + kv_width}
    mlp = 3 * d * f + (2 * f + d if config.get("mlp_bias") else 0)
    block = attention + mlp + gains.get(kind, 2 * d)
    head = 0 if config.get("tie_word_embeddings", kind == "gemma") else v * d
    return Sizes(v * d + n * block + (0 if kind == "olmo" else d) + head, v * d, head)
