"""Names that people's files give to quantities, and the units that such names state."""

import re

from isoloss.constants import FLOPS_PER_PF_DAY

KNOWN = {
    "n_params": "n_params params parameters num_params param_count parameter_count "
    "n_parameters num_parameters params_active_precise total_params total_parameters params_total "
    "model_num_parameters model_num_params model_param_count model_params model_parameters "
    "parameters_total n_total total_n N model_size",
    # Tokens seen come before tokens that may have been planned only.
    "n_tokens": "n_tokens tokens_seen n_tokens_seen num_tokens_seen num_input_tokens_seen "
    "input_tokens_seen seen_tokens tokens_trained trained_tokens consumed_tokens tokens_consumed "
    "tokens num_tokens num_token token_num n_token token_count D d_tokens total_tokens "
    "tokens_total training_tokens train_tokens n_train_tokens num_train_tokens data_size "
    "pretraining_data_size training_data_size",
    "compute": "compute flops flop training_flop training_flops compute_flop compute_flops "
    "total_flops n_flops train_flops total_training_flops total_compute C budget flops_budget "
    "flop_budget compute_budget isoflop_budget total_flos flos",
    "compute_pf_days": "compute_pf_days pf_days pfdays petaflop_days petaflops_days",
    "compute_min_pf_days": "compute_min_pf_days c_min_pf_days",
    "n_unique_tokens": "n_unique_tokens unique_tokens unique dataset_tokens U",
    "n_steps": "n_steps steps step min_steps s_min global_step S",
    "learning_rate": "learning_rate lr peak_lr max_lr peak_learning_rate max_learning_rate",
    "batch": "batch batch_size bsz bs global_bs gbs global_batch_size batch_tokens",
    "loss": "eval_loss val_loss valid_loss validation_loss test_loss heldout_loss held_out_loss "
    "lm_loss_validation best_val_loss best_eval_loss final_val_loss final_eval_loss val_nll "
    "loss L final_loss nll cross_entropy",
}
KNOWN = {name: tuple(words.split()) for name, words in KNOWN.items()}
NON_EMBEDDING = (
    "n_params_non_embedding params_non_embedding non_embedding_params non_embedding_parameters "
    "non_embed_params params_no_embedding n_non_embedding n_no_embed n_no_emb n_non_emb "
    "params_non_emb non_emb_params n_nonemb n_ne num_params_non_embedding nonembed"
)
NON_EMBEDDING = tuple(NON_EMBEDDING.split())
LETTERS = {
    "n_params": "N",
    "n_tokens": "D",
    "compute": "C",
    "loss": "L",
    "n_unique_tokens": "U",
    "n_steps": "S",
}
SMALL = ("n_params", "n_tokens", "compute", "n_unique_tokens")  # l and s often mean something else

# A name that is made of such words alone counts parameters, tokens or FLOP.
SIZE_WORDS = {"param", "params", "parameter", "parameters", "nparams"}
TOKEN_WORDS = {"token", "tokens", "ntokens", "toks"}
FLOP_WORDS = {"flop", "flops"}
FILLERS = (
    "n num number no of the total all model count size trainable network transformer lm precise"
)
FILLERS_OF = {
    "n_params": FILLERS,
    "n_tokens": f"{FILLERS} train training trained pretrain pretraining seen input consumed "
    "processed used cumulative data throughput so far",
    "compute": f"{FILLERS} train training pretraining compute budget cumulative",
}
FILLERS_OF = {name: frozenset(fillers.split()) for name, fillers in FILLERS_OF.items()}
PLANNED = {"planned", "target", "max", "goal"}
WITHOUT_EMBEDDINGS = {"nonemb", "nonembed", "nonembedding", "noemb", "noembed", "noembedding"}
EMBEDDINGS = {"emb", "embed", "embedding", "embeddings", "embd", "vocab", "vocabulary"}
ACTIVE = {"active", "activated", "act", "dense"}
ACTIVE_NAMES = ("na", "n_a", "n_act", "nact")

SEQUENCE = ("seq_len", "sequence_length", "seq_length", "context_length", "context", "block_size")
STEPS = ("steps", "step", "n_steps", "num_steps", "train_steps", "global_step", "iterations",
         "total_steps", "training_steps", "num_train_steps", "max_steps", "num_iterations",
         "n_iterations", "max_iters", "iters", "iter", "updates")  # fmt: skip
BATCH_TOKENS = ("batch_tokens", "tokens_per_step", "tokens_per_batch", "total_batch_size")
BATCH = ("global_batch_size", "batch_size", "gbs", "global_bs", "bsz", "bs", "batch")
SAMPLES = ("samples_seen", "n_samples", "consumed_samples", "num_samples", "examples_seen",
           "n_examples", "num_examples", "n_train", "train_size", "dataset_size", "data_size",
           "n_images", "images_seen", "num_characters", "n_chars", "n_bytes")  # fmt: skip
LAYERS = ("n_layer", "n_layers", "num_layers", "layers", "depth", "num_hidden_layers")
WIDTHS = ("d_model", "n_embd", "hidden_size", "embed_dim", "model_dim", "width", "d_embd")
# Words of columns that measure a machine, not a run.
OF_MACHINES = (
    "time sec secs second seconds s ms min mins minutes hour hours h days memory mem gb mb gib mib "
    "speed wps sps tps mfu gpu gpus gpu_hours utilization throughput power energy cost runtime"
)
OF_MACHINES = frozenset(OF_MACHINES.split())

TRAINING = frozenset({"train", "training"})
HELD_OUT = frozenset(
    {"val", "valid", "validation", "eval", "evaluation", "test", "held", "heldout", "dev"}
)
# Words of columns that end in "loss" and hold another number.
NO_LOSS = (
    "se sd std stderr std_err var min max excess approximation variance theory aux auxiliary "
    "router z kl balance balancing scale grad delta diff initial init first start smooth smoothed "
    "reducible irreducible predicted pred fit fitted target step floor weight coef coefficient "
    "ema smoothing fn function type name spike spikes mask lo hi lo95 hi95 lower upper ci rel "
    "relative"
)
NO_LOSS = frozenset(NO_LOSS.split())
METRICS = {
    "perplexity": frozenset({"ppl", "perplexity"}),
    "bits": frozenset({"bpb", "bpc", "bits", "bit"}),
    "accuracy": frozenset({"acc", "accuracy", "acc1", "acc5", "top1", "top5"}),
}
LOSSES = {"loss", "nll", "ce", "xent", "crossentropy"}

UNITS = {"k": 1e3, "m": 1e6, "mn": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12}
UNITS |= {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
UNITS |= {f"{unit}s": UNITS[unit] for unit in ("thousand", "million", "billion", "trillion")}
UNITS |= {"mio": 1e6, "mrd": 1e9, "md": 1e9, "mia": 1e9, "g": 1e9, "tn": 1e12}
PREFIXES = {"k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21, "y": 1e24}
SCALED = ("n_params", "n_tokens", "compute", "n_unique_tokens", "n_steps")
BRACKETS = re.compile(r"(.+?)[\s_]*[(\[]\s*(?:in\s+)?(?:[x\u00d7*]\s*)?"
                      r"([a-z]+|1e\+?[0-9]+|10(?:\^|\*\*)[0-9]+)(?:\s+\w+)?\s*[)\]]",
                      re.IGNORECASE)  # fmt: skip
DIVIDED = re.compile(r"(.+?)\s*/\s*(1e\+?[0-9]+|10(?:\^|\*\*)[0-9]+)", re.IGNORECASE)
DESCRIBED = re.compile(r"(.+?)\s*[(\[]([^()\[\]]+)[)\]]")
WORD = re.compile(r"(.+?)_(?:in_)?((?:thousand|million|billion|trillion)s?)")
END = re.compile(r".*[\s_(\[]([a-z]+)[)\]]?", re.IGNORECASE)
LAST = re.compile(r"(.+?)[\s_-]+([kmbt]|mn|bn)", re.IGNORECASE)
LOG = re.compile(r"(?:log_?10|log|lg)[\s_(]*(.+?)\)?", re.IGNORECASE)
FLOP = re.compile(r"(total_|train_|training_)?([kmgtpezy])(flops?|flos)")
MPARAMS = re.compile(r"(model_|num_|n_|total_)?([kmb])(params|parameters)")
MTOKENS = re.compile(r"(total_|train_|training_|n_)?([kmbgt])(toks?|tokens)")
PF_DAYS = re.compile(r"(?:(?:total|train|training)_)?(?:compute_?)?"
                     r"(?:pf|pflops?|peta_?flops?)(?:_s)?_?days?")  # fmt: skip


def plain(name: str) -> str:
    """A name in lower case, with an underscore for blanks and for -, / and dots."""
    return re.sub(r"[\s\-/.]+", "_", name.strip().lstrip("#").strip().lower())


def words(name: str) -> list[str]:
    """The words of a name: "eval/paloma/macro_loss" is eval, paloma, macro, loss."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def unit_of(column: str) -> tuple[str, float]:
    """A column's name without its unit, and the unit: 'Params (M)' is ('Params', 1e6).

    >>> unit_of("tokens_billions")
    ('tokens', 1000000000.0)
    >>> unit_of("FLOPs (1E21)")
    ('FLOPs', 1e+21)
    >>> unit_of("total_gflops")
    ('total_flops', 1000000000.0)
    """
    bracketed = BRACKETS.fullmatch(column.strip()) or DIVIDED.fullmatch(column.strip())
    if bracketed:
        unit = bracketed[2].lower()
        power = re.sub(r"^(1e|10\^|10\*\*)\+?", "", unit)
        prefixed = FLOP.fullmatch(unit)
        of_flop = set(words(bracketed[1])) & (FLOP_WORDS | {"compute"})
        if unit in UNITS:
            return bracketed[1], UNITS[unit]
        if power != unit and 0 < int(power) < 40:
            return bracketed[1], float(f"1e{int(power)}")
        if prefixed:
            return bracketed[1], PREFIXES[prefixed[2]]
        if of_flop and unit in PREFIXES:
            return bracketed[1], PREFIXES[unit]
    described = DESCRIBED.fullmatch(column.strip())
    if described and PF_DAYS.fullmatch(plain(described[2])):
        return described[1], FLOPS_PER_PF_DAY
    name = plain(column)
    if PF_DAYS.fullmatch(name):
        return "compute", FLOPS_PER_PF_DAY
    worded = WORD.fullmatch(name)
    if worded:
        return worded[1], UNITS[worded[2]]
    flop = FLOP.fullmatch(name)
    # tflops alone is most often a speed
    if flop and (flop[1] or flop[2] not in "tp"):
        return f"{flop[1] or ''}{flop[3]}", PREFIXES[flop[2]]
    sized = MPARAMS.fullmatch(name)
    if sized:
        return f"{sized[1] or ''}{sized[3]}", UNITS[sized[2]]
    tokens = MTOKENS.fullmatch(name)
    if tokens:
        return f"{tokens[1] or ''}tokens", UNITS[tokens[2]]
    return column, 1.0


def implied_unit(column: str) -> float:
    """The unit that the end of a name suggests, e.g. 1e9 for 'D_B'; 1 for none."""
    end = END.fullmatch(column.strip())
    return UNITS.get(end[1].lower(), 1.0) if end else 1.0


def metric_of(column: str) -> str:
    """The kind of a loss, by its name: nats, bits, perplexity or accuracy."""
    found = set(words(column))
    return next((metric for metric, of in METRICS.items() if found & of), "nats")


def is_training(column: str) -> bool:
    """Whether a column's name says that its loss is that of training data."""
    found = set(words(column))
    said = bool(found & TRAINING) or plain(column).endswith("global_avg_loss")
    return said and "val" not in found and "validation" not in found


def is_held_out(column: str) -> bool:
    """Whether a column's name says that its loss is of data that were not trained on."""
    return bool(set(words(column)) & HELD_OUT) and not is_training(column)


def is_loss(column: str) -> bool:
    """Whether a name is that of a loss: it ends in loss, nll, bpb, ppl or the like.

    What stands in brackets describes it, and so do words behind: "loss (val)", "loss/validation".
    """
    described = DESCRIBED.fullmatch(column.strip())
    text = described[1] if described else column
    found = words(text.partition(",")[0])
    if not found or NO_LOSS & set(found):
        return False
    ends = {*LOSSES, *METRICS["perplexity"], *METRICS["bits"]}
    bits = found[-3:-1] == ["bits", "per"]
    crossed = ["cross", "entropy"] in (found[-2:], found[:2])
    named = plain(text).endswith("global_avg_loss")
    return found[-1] in ends or found[0] in ("loss", "nll") or bits or crossed or named


def counts(name: str, column: str) -> str:
    """How the words of a column say that it counts `name`: "", "plain", "planned", "without".

    "without" is a count of parameters that leaves out embeddings.
    """
    found = set(words(column))
    if name == "n_params":
        return _counts_params(found)
    kinds = {"n_tokens": TOKEN_WORDS, "compute": FLOP_WORDS}.get(name)
    if kinds is None or not found & kinds:
        return ""
    if found <= kinds | FILLERS_OF[name]:
        return "plain"
    return "planned" if found <= kinds | FILLERS_OF[name] | PLANNED and name == "n_tokens" else ""


def _counts_params(found: set[str]) -> str:
    without = found & WITHOUT_EMBEDDINGS
    if not without and found & {"non", "no", "without", "excl", "excluding"} and found & EMBEDDINGS:
        without = found & ({"non", "no", "without", "excl", "excluding"} | EMBEDDINGS)
    rest = found - without - SIZE_WORDS - FILLERS_OF["n_params"]
    if rest or not (found & SIZE_WORDS or (without and "n" in found) or found == without):
        return ""
    return "without" if without else "plain"


def is_active(column: str) -> bool:
    """Whether a name is that of the parameters that a token of a mixture of experts uses."""
    found = set(words(column))
    named = plain(column) in ACTIVE_NAMES
    return named or bool(found & ACTIVE and found & (SIZE_WORDS | {"n"}))
