"""The lines of each training script, and what their steps and numbers mean.

Read in the scripts' code: nanoGPT 3adf61e (train.py, model.py), llm.c 00247dc (train_gpt2.cu,
llmc/logger.h), nanochat 00255c1 (scripts/base_train.py), torchtitan (components/metrics.py,
train.py), Megatron-LM (megatron/training/training.py).
"""

from __future__ import annotations

import math
import re
from typing import ClassVar

from isoloss.logs.records import HELD_OUT, OTHER, SAMPLES, TOKENS, TRAINING, Log

Points = dict[str, list[tuple]]
NUMBER = re.compile(r"[-+]?(?:\d[\d,]*(?:\.\d*)?(?:e[-+]?\d+)?|nan|inf)", re.IGNORECASE)
DECAYED = re.compile(r"num (non-)?decayed parameter tensors: \d+, with ([\d,]+) parameters")


def _number(text: str) -> float:
    """A number as these scripts print it; ValueError for anything else."""
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    return float(text.replace(",", ""))


def _whole(text: str) -> int:
    value = _number(text)
    if not math.isfinite(value) or value != value // 1 or not 0 <= value < 2**53:
        raise ValueError(text)
    return int(value)


class Tool:
    """What one script prints.

    Attributes
    ----------
    signature : pattern
        A line of it.
    kinds : dict of str to (kind, ahead)
        As of `records.Series`.
    main : str, optional
        The name of a log beside the printed one that has the losses.
    """

    signature: ClassVar[re.Pattern]
    kinds: ClassVar[dict[str, tuple[str, int]]]
    main: ClassVar[str | None] = None

    def __init__(self):
        self.stretches: list[Points] = []
        self.said: dict[str, float] = {}
        self.notes: list[str] = []
        self.status = ""
        self.last = -1  # step

    def line(self, text: str) -> None:
        """Take a line.

        Raises
        ------
        ValueError
            It is one of the script's own lines, and a number in it is none.
        """
        raise NotImplementedError

    def settings(self, log: Log) -> None:
        """Give a log what the lines say of the run."""
        for name, value in self.said.items():
            log.set(name, value, "the printed log")

    def point(self, tag: str, step: int, value: float, *more) -> None:
        """Add a value; a step before the last one begins a new stretch.

        What is printed twice, by two handlers or ranks, counts once.
        """
        if self.stretches and (step, value, *more) in self.stretches[-1].get(tag, ())[-1:]:
            return
        if not self.stretches or step < self.last or self._again(tag, step):
            self.stretches.append({})
        self.last = step
        self.stretches[-1].setdefault(tag, []).append((step, value, *more))

    def _again(self, tag, step) -> bool:
        points = self.stretches[-1].get(tag) if self.stretches else None
        return bool(points) and points[-1][0] == step

    def whole(self) -> list[Points]:
        """The stretches that are of the run, after the last line."""
        return self.stretches

    def note(self, text: str) -> None:
        """Say something once."""
        if text not in self.notes:
            self.notes.append(text)


class NanoGpt(Tool):
    """`step N` is an evaluation before iteration N; `iter N` the last micro-batch of one rank."""

    signature = re.compile(
        r"^(?:step \d+: train loss |tokens per iteration will be: |iter \d+: loss )", re.MULTILINE
    )
    kinds = {"val_loss": (HELD_OUT, 0), "train_loss": (TRAINING, 0), "iter/loss": (TRAINING, 0)}
    # a fork adds a time or a rate after a comma; another unit has none
    BOTH: ClassVar = re.compile(r"step (\S+): train loss ([^\s,]+), val loss ([^\s,]+)(?:,.*)?$")

    def line(self, text):
        words = text.split()
        if text.startswith("step ") and ": train loss" in text:
            found = self.BOTH.match(text)
            if found is None:
                raise ValueError
            step, train, val = found.groups()
            at = _whole(step)
            self.point("train_loss", at, _number(train))
            self.stretches[-1].setdefault("val_loss", []).append((at, _number(val)))
            self.note("both losses are means over random batches, train_loss as well")
        elif text.startswith("iter ") and ": loss" in text:
            if len(words) < 4:
                raise ValueError
            self.point("iter/loss", _whole(words[1].removesuffix(":")),
                       _number(words[3].removesuffix(",")))  # fmt: skip
        elif text.startswith("tokens per iteration will be:"):
            self.said["tokens_per_step"] = _whole(words[-1])
        elif found := DECAYED.match(text):
            self.said["other" if found[1] else "decayed"] = _whole(found[2])
        elif found := re.match(r"(?:Overriding: )?max_iters = (\d+)", text):
            self.said["planned_steps"] = _whole(found[1])
        elif text.startswith("number of parameters:"):
            self.note(
                "the printed number of parameters is rounded, without the embedding of positions: "
                "N is the sum of the tensors that AdamW was given, if both lines are there"
            )

    def settings(self, log):
        """N is the sum of two exact counts."""
        said = dict(self.said)
        decayed, other = said.pop("decayed", None), said.pop("other", None)
        if decayed is not None and other is not None:
            log.set("n_params", decayed + other, "the optimizer's tensors in the printed log")
        for name, value in said.items():
            log.set(name, value, "the printed log")


class LlmC(Tool):
    """main.log counts steps from 0, what is printed from 1; `tel` is the validation loss."""

    signature = re.compile(
        r"^(?:s:\d+ (?:tel|trl|eval):|\| (?:micro batch size B|train_num_batches) +\|)",
        re.MULTILINE,
    )
    kinds = {"val_loss": (HELD_OUT, 0), "train_loss": (TRAINING, 0), "hellaswag": (OTHER, 0)}
    main = "main.log"
    TAGS: ClassVar = {"tel": "val_loss", "trl": "train_loss", "eval": "hellaswag"}
    ROWS: ClassVar = {
        "total batch size": "tokens_per_step",
        "num_parameters": "n_params",
        "train_num_batches": "planned_steps",
        "padded_vocab_size Vp": "rows of vocabulary",
        "max_sequence_length T": "positions",
        "channels C": "width",
    }

    def line(self, text):
        if found := re.match(r"s:(\S+) (tel|trl|eval):(\S+)", text):
            self.point(self.TAGS[found[2]], _whole(found[1]), _number(found[3]))
        elif re.match(r"s:\d+ \S", text):
            raise ValueError
        elif text.startswith("| "):
            cells = [cell.strip() for cell in text.strip("| ").split("|")]
            if len(cells) == 2 and cells[0] in self.ROWS:
                self.said[self.ROWS[cells[0]]] = _whole(cells[1])
        elif text.startswith("val loss "):
            self.point("val_loss", max(self.last, 0), _number(text.split()[2]))
        elif found := re.match(r"step +(\d+)/(\d+) \| (?:train )?loss (\S+)", text):
            # printed from 1: this loss is of the batch after that many steps but one
            done = _whole(found[1])
            points = self.stretches[-1] if self.stretches else {}
            if not self.stretches or done - 1 < max((s for s, _ in points.get("train_loss", [])),
                                                    default=-1):  # fmt: skip
                self.stretches.append({})
            self.stretches[-1].setdefault("train_loss", []).append((done - 1, _number(found[3])))
            self.last = done

    def settings(self, log):
        """Embeddings are of the padded vocabulary and of positions; the output matrix is tied."""
        said = dict(self.said)
        rows, positions, width = (
            said.pop(name, None) for name in ("rows of vocabulary", "positions", "width")
        )
        if "n_params" in said and rows and positions and width:
            embeddings = (rows + positions) * width
            log.set("n_params_non_embedding", said["n_params"] - embeddings, "the printed table")
        for name, value in said.items():
            log.set(name, value, "the printed table")


class NanoChat(Tool):
    """The training loss is an exponential mean of one rank's micro-batches; bits a byte are not.

    speedrun.sh prints all stages into one log. Mid-training and fine-tuning count their steps anew,
    on other data, and print no number of steps after "step".
    """

    signature = re.compile(
        r"^(?:Step \d+ \| Validation bpb: |step \d+/\d+ \(\d+\.\d+%\) \| loss: )", re.MULTILINE
    )
    kinds = {"val/bpb": (HELD_OUT, 0), "train/loss": (TRAINING, 0)}

    def __init__(self):
        super().__init__()
        self.later: set[int] = set()  # stretches of later stages

    def line(self, text):
        if text.startswith("Step ") and "| Validation bpb:" in text:
            words = text.split()
            if len(words) != 6:
                raise ValueError
            self.point("val/bpb", _whole(words[1]), _number(words[5]))
        elif found := re.match(r"step (\S+)/(\d+) \(\S+%\) \| (?:train )?loss: (\S+) \|", text):
            self.point("train/loss", _whole(found[1]), _number(found[3]))
            self.said["planned_steps"] = _whole(found[2])
            self.note("train/loss is an exponential mean (0.9) of one rank's micro-batches")
        elif re.match(r"step \d+/\d+ \(", text):
            raise ValueError
        elif re.match(r"step \d+ \(\S+%\) \| loss: ", text):
            self.later.add(len(self.stretches) - 1)
        elif found := re.match(r"Total batch size ([\d,]+) =>", text):
            self.said["tokens_per_step"] = _whole(found[1])
        elif found := re.match(r"(total|transformer_matrices) +: ([\d,]+)$", text):
            names = {"total": "n_params", "transformer_matrices": "n_params_non_embedding"}
            self.said[names[found[1]]] = _whole(found[2])
        elif found := re.match(r"Number of parameters: ([\d,]+)$", text):
            self.said["n_params"] = _whole(found[1])

    def whole(self):
        """Pre-training, if it is in the log; else what there is."""
        found = [one for i, one in enumerate(self.stretches) if i not in self.later]
        if len(found) == len(self.stretches):
            return found
        if found:
            self.note("mid-training and fine-tuning, printed after it, are left out")
            return found
        self.note("only mid-training or fine-tuning is printed: n_tokens are those of that stage")
        return self.stretches


class TorchTitan(Tool):
    """Steps count from 1: a training loss at step s is measured after s - 1 steps."""

    signature = re.compile(r"root - INFO - .*(?:validate step: +\d|step: +\d+ +loss: )")
    kinds = {"validation_metrics/loss": (HELD_OUT, 0), "loss": (TRAINING, -1)}
    LOSS: ClassVar = re.compile(r"INFO - (validate )?step: +(\S+) +loss: +(\S+)")

    def line(self, text):
        if "step: " in text and " loss: " in text and "INFO" in text:
            found = self.LOSS.search(text)
            if found is None:
                raise ValueError
            tag = "validation_metrics/loss" if found[1] else "loss"
            self.point(tag, _whole(found[2]), _number(found[3]))
        elif found := re.search(r"size: ([\d,]+) total parameters", text):
            self.said["n_params"] = _whole(found[1])
        elif "Training starts at step" in text or "Trainer is initialized with" in text:
            for name, words in (
                ("batch_size", r"global batch size (\d+)"),
                ("context", r"sequence length (\d+)"),
                ("planned_steps", r"total steps (\d+)"),
            ):
                if found := re.search(words, text):
                    self.said[name] = _whole(found[1])


class Megatron(Tool):
    """A line's loss is a mean since the last one, without iterations of NaN; D is its samples."""

    signature = re.compile(r"iteration +\d+ */ *\d+ \|.*\||validation loss at iteration \d+")
    kinds = {
        "lm loss validation": (HELD_OUT, 0),
        "lm loss test": (OTHER, 0),
        "lm loss": (TRAINING, 0),
        "samples": (SAMPLES, 0),
        "consumed tokens": (TOKENS, 0),
    }
    LOSS: ClassVar = re.compile(
        r"validation loss at (?:iteration (\S+)|the end of training)(.*?)"
        r"\| lm loss(?: value)?: (\S+)",
        re.IGNORECASE,
    )

    def __init__(self):
        super().__init__()
        self.ranks: dict[str, int] = {}
        self.interval = 0

    def line(self, text):
        if "validation loss at" in text and "lm loss" in text.lower():
            found = self.LOSS.search(text)
            if found is None:
                raise ValueError
            self._held_out(found[1], "test" in found[2], _number(found[3]))
        elif found := re.search(r"iteration +(\S+?) */ *(\d+) \|(.*)", text):
            self._iteration(_whole(found[1]), _whole(found[2]), found[3])
        elif found := re.search(r"number of parameters on \(([^)]*)\) model parallel rank "
                                r"\(([\d, ]+)\): (\d+)$", text):  # fmt: skip
            self.ranks[found[2]] = _whole(found[3])
        elif found := re.match(r" *(?:\d+: *)? *seq_length \.+ (\d+)", text):
            self.said["context"] = _whole(found[1])

    def _held_out(self, said, is_test, value):
        """A loss at an iteration, or at the end of training, where it may be measured again."""
        at = _whole(said) if said else self.last
        if at < 0:
            return  # an evaluation of a checkpoint, whose iteration is not printed
        tag = "lm loss test" if is_test else "lm loss validation"
        begun = self.stretches[-1].get(tag) if self.stretches else None
        if not self.stretches or (said and begun and begun[-1][0] >= at):
            self.stretches.append({})
        self.stretches[-1].setdefault(tag, []).append((at, value))

    def _iteration(self, at, planned, rest):
        fields = dict(
            part.rsplit(":", 1) for part in rest.split("|") if ":" in part and part.count(":") == 1
        )
        fields = {name.strip(): value.strip() for name, value in fields.items()}
        if "consumed samples" in fields:
            self.point("samples", at, _whole(fields["consumed samples"]))
        if fields.get("consumed tokens", "").isdigit():  # a fork rounds them: 1.258B
            self.point("consumed tokens", at, int(fields["consumed tokens"]))
        before = self.stretches[-1].get("lm loss", []) if self.stretches else []
        if "lm loss" in fields:
            mean_of = at - before[-1][0] if before else at
            value = _number(fields["lm loss"])
            if not self.stretches or (before and before[-1][0] >= at):
                self.stretches.append({})
                mean_of = at
            self.stretches[-1].setdefault("lm loss", []).append((at, value, math.nan, mean_of))
            self.last = at
        nan = _whole(fields.get("number of nan iterations", "0"))
        self.status = "diverged" if nan else ""
        if nan:
            self.note("some lines leave iterations of NaN out of their mean")
        if _whole(fields.get("number of skipped iterations", "0")):
            self.note("some iterations were skipped: their samples count, and changed nothing")
        self.said["planned_steps"] = planned
        if "global batch size" in fields:
            size = _whole(fields["global batch size"])
            if self.said.setdefault("batch_size", size) != size:
                self.note("the batch size changes along the run")

    def settings(self, log):
        """Samples are tokens only times their length; parameters are of one rank if it is alone."""
        said = dict(self.said)
        length = said.get("context")
        samples = log.tags.pop("samples", None)
        if "consumed tokens" in log.tags:
            pass  # also right where the length grows along the run
        elif samples is not None and length:
            samples.value, samples.kind = samples.value * length, TOKENS
            log.tags["consumed samples x seq_length"] = samples
        elif samples is not None:
            log.tags["consumed samples"] = samples
            log.notes.append("no seq_length is printed: --context NUMBER says it")
        if len(self.ranks) == 1:
            log.set("n_params", next(iter(self.ranks.values())), "the printed log")
        elif self.ranks:
            log.notes.append(
                f"parameters are printed for each of {len(self.ranks)} ranks, which share some of "
                "them: n_params needs --n-params"
            )
        for name, value in said.items():
            log.set(name, value, "the printed log")


TOOLS: tuple[type[Tool], ...] = (NanoGpt, LlmC, NanoChat, TorchTitan, Megatron)
