"""The task "copy": a transformer that repeats a string."""

from typing import Any

from isoloss.counting import Cost, d_ff, transformer_cost
from isoloss.tasks import memory
from isoloss.tasks.base import Trained, planning
from isoloss.tasks.copy.settings import CopyRun


class Copy(Trained):
    """Repeat a random string of characters after a separator."""

    name = "copy"
    Run = CopyRun
    module = "isoloss.tasks.copy.data"

    def cost(self, run: CopyRun, vocab_size: int | None = None) -> Cost:
        """Fresh strings at each step; only the copied characters are predicted."""
        length, batch = run.task.length, run.training.batch_size
        return transformer_cost(
            run.model, vocabulary(run), context(length), n_targets=length,
            batch_size=batch, steps=run.data.n_samples // batch, n_heldout=run.data.n_heldout,
        )  # fmt: skip

    @planning
    def readable_name(self, run: CopyRun) -> str:
        """A name such as copy12-L1-d16-n4096."""
        shape = f"L{run.model.n_layer}-d{run.model.d_model}"
        return f"copy{run.task.length}-{shape}-n{run.data.n_samples}"

    def settings_columns(self, run: CopyRun) -> dict[str, Any]:
        """The columns of the model and of the strings."""
        return {
            "width": run.model.d_model,
            "n_layer": run.model.n_layer,
            "n_head": run.model.n_head,
            "d_ff": d_ff(run.model),
            "dropout": run.model.dropout,
            "n_samples": run.data.n_samples,
        }

    @planning
    def memory_bytes(
        self, run: CopyRun, vocab_size: int | None = None, *, mixed: bool = False
    ) -> float:
        """Peak memory, with activations of whole sequences and logits of their copies."""
        batch, length = run.training.batch_size, run.task.length
        return memory.of_transformer(
            run.model, run.training, n_params=self.cost(run).n_params, vocab_size=vocabulary(run),
            tokens=batch * context(length), targets=batch * length, mixed=mixed,
        )  # fmt: skip


def vocabulary(run: CopyRun) -> int:
    """Vocabulary size: the symbols and the separator."""
    return run.task.n_symbols + 1


def context(length: int) -> int:
    """Length of the input: string, separator and copy, without the copy's last character."""
    return 2 * length


TASK = Copy()
