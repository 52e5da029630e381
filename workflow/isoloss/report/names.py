"""Names of the tables as a reader says them: groups, quantities and places."""

import re

from isoloss.charts.text import with_interval

# A part of a group, as the tables write it -> how a reader says it.
PARTS = {
    "count=kaplan": "counted as Kaplan does",
    "count=logits": "with the output layer",
    "count=embeddings": "all parameters",
    "count=exact": "C counted exactly",
    "approach=1": "approach 1 (envelope)",
    "approach=2": "approach 2 (valleys)",
    "approach=3": "approach 3 (law)",
    "law=kaplan_nd": "by Kaplan's joint law",
    "law=skaling": "by the law Skaling",
    "rung=1": "Kaplan's set-up",
    "rung=2": "with the output layer",
    "rung=3": "and a warm-up by size",
    "rung=4": "and a decay by tokens",
    "rung=5": "and tuning by size",
    "third=1": "first third of C",
    "third=2": "middle third of C",
    "third=3": "last third of C",
    "whole": "all of C",
    "noise": "scatter of the losses",
}
KEYS = {
    "n_params": "N",
    "n_params_non_embedding": "N without embeddings",
    "n_tokens": "D",
    "n_samples": "D",
    "n_unique_tokens": "unique tokens",
    "compute_flops": "C in FLOP",
    "compute": "C in PF-days",
    "n_layer": "layers",
    "n_inputs": "inputs",
    "peak_lr": "peak rate",
    "lr_sum": "sum of the rates",
    "d_model / n_layer": "d_model / n_layer",
    "d_ff / d_model": "d_ff / d_model",
    "d_model / n_head": "d_model / n_head",
}
ENDINGS = {"_non_embedding": ", no embeddings", "_all_parameters": ", all parameters"}
PAIR = re.compile(r"(\w+)=(\S+)")


def group(text: str) -> str:
    """A group as a reader says it: "counted as Kaplan does, approach 3 (law)"."""
    halves = [", ".join(map(_part, half.split(", "))) for half in text.split(" - ")]
    return " − ".join(halves)


def _part(text: str) -> str:
    if text in PARTS:
        return PARTS[text]
    if pair := PAIR.fullmatch(text):
        return f"{quantity(pair[1])} {_value(pair[2])}"
    for ending, said in ENDINGS.items():
        if text.endswith(ending):
            return text.removesuffix(ending).replace("_", " ") + said
    return text.replace("_", " ")


def quantity(text: str) -> str:
    """A column or a quantity as a reader says it; symbols such as alpha_N stay as they are."""
    if text in KEYS:
        return KEYS[text]
    if text.startswith("inverse_"):
        return f"1 / {text.removeprefix('inverse_')}"
    symbols = re.compile(r"(alpha|beta|gamma|delta|sigma|\b[A-Z])_\w+")
    return text if symbols.search(text) else text.replace("_", " ")


def place(name: str, value: float) -> str:
    """Where a number holds: "at C in FLOP = 2.85×10¹²"."""
    return f"at {quantity(name)} = {with_interval(value)[0]}"


def _value(text: str) -> str:
    try:
        number = float(text)
    except ValueError:
        return text.replace("_", " ")
    if number == int(number) and abs(number) < 1e6:
        return f"{int(number):,}"
    return with_interval(number)[0]
