"""The task "function": an MLP that learns y = f(x) + noise."""

from typing import Any

from isoloss.counting import Cost, mlp_flops, mlp_params, mlp_shapes
from isoloss.tasks.base import Trained, planning, small_cost
from isoloss.tasks.function.settings import FunctionRun


class Function(Trained):
    """Regression of a known function."""

    name = "function"
    Run = FunctionRun
    module = "isoloss.tasks.function.data"

    def cost(self, run: FunctionRun, vocab_size: int | None = None) -> Cost:
        """The cost of a forward and a backward pass of each step's samples."""
        shape = (run.task.n_inputs, run.model.width, run.model.n_hidden)
        batch = run.training.batch_size or run.data.n_samples
        forward = 2 * sum(fan_in * fan_out for fan_in, fan_out in mlp_shapes(*shape))
        return small_cost(
            n_params=mlp_params(*shape),
            steps=run.training.steps,
            samples_per_step=batch,
            flops_per_step=batch * mlp_flops(*shape),
            flops_per_evaluation=run.data.n_heldout * forward,
        )

    @planning
    def readable_name(self, run: FunctionRun) -> str:
        """A name such as sine-noisy-w32-n64."""
        task, inputs = run.task, run.task.n_inputs
        name = f"{task.target}{inputs if inputs > 1 else ''}{'-noisy' if task.noise_sd else ''}"
        return f"{name}-w{run.model.width}-n{run.data.n_samples}"

    def settings_columns(self, run: FunctionRun) -> dict[str, Any]:
        """The columns of the function, its noise, the network and the samples."""
        return {
            "target": run.task.target,
            "n_inputs": run.task.n_inputs,
            "noise_sd": run.task.noise_sd,
            "width": run.model.width,
            "n_layer": run.model.n_hidden,
            "n_samples": run.data.n_samples,
        }


TASK = Function()
