"""The task "language": a transformer that predicts the next token of a corpus."""

from typing import Any

from isoloss.config.runs import Lstm
from isoloss.counting import Cost, d_ff, lstm_cost, transformer_cost
from isoloss.errors import UserError, nearest
from isoloss.tasks import memory
from isoloss.tasks.base import PROBE_TOKENS, KnownCorpus, Trained, planning
from isoloss.tasks.language.settings import LanguageData, LanguageRun

PROBE_STEPS = 10_000  # more than a probe ever takes


class Language(Trained):
    """Predict the next token of a corpus."""

    name = "language"
    Run = LanguageRun
    module = "isoloss.tasks.language.data"
    length = "n_tokens"

    def cost(self, run: LanguageRun, vocab_size: int | None = None) -> Cost:
        """The cost of the whole batches that fit into `n_tokens`."""
        context, batch = run.task.context, run.training.batch_size
        lengths = {
            "batch_size": batch,
            "steps": run.data.n_tokens // (batch * context),
            "n_heldout": run.data.n_heldout_tokens // context * (1 + len(run.task.elsewhere)),
        }
        if isinstance(run.model, Lstm):
            return lstm_cost(run.model, vocab_size, context, **lengths)
        return transformer_cost(run.model, vocab_size, context, n_targets=context, **lengths)

    @planning
    def readable_name(self, run: LanguageRun) -> str:
        """A name such as language-L2-d16-D1048576, or language-lstm-L1-d16-D1048576."""
        model = run.model
        kind = {"transformer": "", "lstm": "lstm-"}.get(model.kind, "recurrent-")
        return f"language-{kind}L{model.n_layer}-d{model.d_model}-D{run.data.n_tokens}"

    def settings_columns(self, run: LanguageRun) -> dict[str, Any]:
        """The columns of the corpus, the context and the model."""
        model = run.model
        columns = {
            "target": run.task.corpus,
            "model": model.kind,
            "width": model.d_model,
            "n_layer": model.n_layer,
            "n_loop": getattr(model, "n_loop", 1),
            "context": run.task.context,
        }
        if isinstance(model, Lstm):
            return columns | {"dropout": 0.0}
        return columns | {"n_head": model.n_head, "d_ff": d_ff(model), "dropout": model.dropout}

    @planning
    def memory_bytes(
        self, run: LanguageRun, vocab_size: int | None = None, *, mixed: bool = False
    ) -> float:
        """Peak memory, with the activations and the logits of every token of a batch."""
        if isinstance(run.model, Lstm):
            return memory.of_lstm(
                run.model, n_params=self.cost(run, vocab_size).n_params, vocab_size=vocab_size,
                tokens=run.tokens_per_step,
            )  # fmt: skip
        return memory.of_transformer(
            run.model, run.training, n_params=self.cost(run, vocab_size).n_params,
            vocab_size=vocab_size, tokens=run.tokens_per_step, targets=run.tokens_per_step,
            mixed=mixed,
        )  # fmt: skip

    @planning
    def corpus_of(self, run: LanguageRun) -> str:
        """The corpus whose text the run reads."""
        return run.task.corpus

    @planning
    def with_corpus(self, run: LanguageRun, corpus: KnownCorpus) -> LanguageRun:
        """The run on a corpus that has enough tokens."""
        name, data = run.task.corpus, run.data
        unique = data.n_unique_tokens or data.n_tokens
        if unique == "all":
            unique = 0  # the whole corpus, in as many epochs as needed
        available, heldout = corpus.max_train_tokens, corpus.max_heldout_tokens
        # The last token of the corpus is a target only.
        if available is not None and unique + 1 > available:
            key = "data.n_tokens" if data.n_unique_tokens is None else "data.n_unique_tokens"
            several = "; set data.n_unique_tokens for several epochs"
            problem = (
                f"{key}: {unique:,} is more than the {max(available - 1, 0):,} training tokens of "
                f"the corpus {name!r}{'' if data.n_unique_tokens else several}"
            )
            raise UserError("a run", [problem])
        if heldout is not None and data.n_heldout_tokens + 1 > heldout:
            problem = (
                f"data.n_heldout_tokens: {data.n_heldout_tokens:,} is more than the "
                f"{max(heldout - 1, 0):,} held-out tokens of the corpus {name!r}"
            )
            raise UserError("a run", [problem])
        known = run.task.elsewhere if corpus.elsewhere is None else corpus.elsewhere
        if unknown := [other for other in run.task.elsewhere if other not in known]:
            there = ", ".join(known) or "none"
            problems = [
                f"task.elsewhere: {other!r} is no other text of the corpus {name!r}, there are "
                f"{there}{nearest(other, known)}"
                for other in unknown
            ]
            raise UserError("a run", problems)
        task = run.task.model_copy(update={"corpus": corpus.corpus_id})
        return run.model_copy(update={"task": task})

    @planning
    def beginning(self, run: LanguageRun) -> tuple[LanguageRun, int] | None:
        """The steps before the cooldown, where the learning rate is constant until the cooldown.

        None unless three conditions hold. The warm-up is a number of steps. The evaluations, if
        there are any but the last, are placed by octave. The data are the whole corpus in one
        order.
        """
        training, steps = run.training, run.branch_step
        shared = (
            training.schedule == "wsd"
            and training.warmup_steps is not None
            and (training.evals_per_octave is not None or training.n_evals == 1)
            and run.data.n_unique_tokens == "all"
            and training.patience is None
        )
        if not shared or steps < 1:
            return None
        data = run.data.model_copy(update={"n_tokens": steps * run.tokens_per_step})
        constant = training.model_copy(update={"schedule": "constant", "cooldown_fraction": 0.2})
        return run.model_copy(update={"data": data, "training": constant}), steps

    @planning
    def probe(self, run: LanguageRun) -> LanguageRun:
        """A few steps on all the text there is."""
        data = LanguageData(
            n_tokens=PROBE_STEPS * run.tokens_per_step,
            n_unique_tokens="all",
            n_heldout_tokens=max(PROBE_TOKENS, run.task.context),
        )
        task = run.task.model_copy(update={"elsewhere": []})  # random tokens stand for the corpus
        return run.model_copy(update={"data": data, "task": task})


TASK = Language()
