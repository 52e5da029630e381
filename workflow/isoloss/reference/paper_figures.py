"""The figures of Kaplan et al. (2020) and Hoffmann et al. (2022), and what decides each here."""

from dataclasses import dataclass
from typing import Literal

from isoloss.results import Q, Quantity

Rule = Literal["interval", "at most", "at least", "above 0", "below 0", "is 0", "a law", "lower"]


@dataclass(frozen=True)
class Claim:
    """The rows of an analysis that decide whether a figure comes out as in the paper.

    Attributes
    ----------
    do : str
        The kind of analysis.
    quantity : Quantity
    rule : str
        interval: the interval holds `value`; at most, at least: it lies on that side of `value`;
        above 0, below 0: where it lies; is 0: it holds 0, and nothing beyond `value` on either
        side; a law: the runs determine a law; lower: the first of `analyses`, or of `groups`, has
        the lower value.
    value : float, optional
        The paper's; None: the `theory` of the row.
    analyses, groups : tuple of str
        Names of analyses, and groups, whose rows count; empty: all.
    kind : str
        Of the rows.
    beyond : float, optional
        Rows at larger x count alone.
    """

    do: str
    quantity: Quantity
    rule: Rule
    value: float | None = None
    analyses: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    kind: str = "parameter"
    beyond: float | None = None


@dataclass(frozen=True)
class PaperFigure:
    """A figure of a paper: what it says, and the exhibit of it here, or why there is none."""

    name: str
    message: str
    exhibit: str = ""  # a kind of figure (`draw`)
    missing: str = ""  # why there is none
    test: Claim | None = None


def _a(approach: int, value: float, quantity: Quantity = Q.A_OPT) -> Claim:
    return Claim("approaches", quantity, "interval", value, groups=(f"approach={approach}",))


LOOK = "no single number decides it: look"
KAPLAN = (
    PaperFigure("1", "three straight power laws, in compute, data and size", "kaplan_summary",
                test=Claim("size_laws", Q.ALPHA, "a law", analyses=("longest", "data"))),
    PaperFigure("2", "larger models need fewer tokens", "kaplan_training"),
    PaperFigure("3", "more compute goes to size above all", "kaplan_shares",
                test=Claim("kaplan_frontier", Q.A_OPT, "at least", 0.5,
                          analyses=("frontier_min",))),
    PaperFigure("4", "two joint laws, L(N, D) and L(N, S)", "joint_laws",
                test=Claim("overfitting", Q.ALPHA_D, "interval")),
    PaperFigure("5", "the shape hardly matters at a fixed size", "kaplan_shape",
                test=Claim("shape", Q.LARGEST_INCREASE, "at most")),
    PaperFigure("6", "depths agree if embeddings are left out", "kaplan_depth",
                test=Claim("size_laws", Q.MISS, "lower", analyses=("depths", "depths_total"))),
    PaperFigure("7", "LSTMs stop improving after 100 tokens of context",
                "kaplan_lstm",
                test=Claim("by_position", Q.STOPS, "at most",
                          groups=("sweep=lstm_1", "sweep=lstm_2", "sweep=lstm_4"))),
    PaperFigure("8", "losses on other texts differ by an offset", "kaplan_transfer",
                test=Claim("transfer", Q.SLOPE_ELSEWHERE, "interval")),
    PaperFigure("9", "overfitting depends on one ratio, N^0.74 / D", "repeated_data",
                test=Claim("overfitting", Q.P, "interval")),
    PaperFigure("10", "the critical batch depends on the loss, not on the size",
                "critical_batch_size",
                test=Claim("critical_batch", Q.SIZE_EXPONENT_B_CRIT, "is 0", 0.3)),
    PaperFigure("11", "valleys in N at fixed compute, by L(N, S)", "kaplan_valleys",
                test=Claim("size_and_steps", Q.ALPHA_N, "interval", analyses=("size_and_steps",))),
    PaperFigure("12", "sizes near the best cost little more", "kaplan_excess"),
    PaperFigure("13", "L ~ C_min^-0.050", "kaplan_frontiers",
                test=Claim("kaplan_frontier", Q.ALPHA_C, "interval", analyses=("frontier_min",))),
    PaperFigure("14", "N* ~ C_min^0.73", "kaplan_optimum",
                test=Claim("kaplan_frontier", Q.A_OPT, "interval", analyses=("frontier_min",))),
    PaperFigure("15", "L(C) and L(D(C)) cross, so the laws must break", "kaplan_crossing",
                test=Claim("crossing", Q.C_STAR, "interval")),
    PaperFigure("16", "early stopping not before its bound", "early_stopping",
                test=Claim("overfitting", Q.BEYOND_BOUND, "at least", 0.95)),
    PaperFigure("17", "blocks that are used again help a little", "kaplan_reuse",
                test=Claim("families", Q.LOSS_INCREASE, "below 0", analyses=("reuse",))),
    PaperFigure("18", "steps and tokens trade on a hyperbola", "batch_tradeoff",
                test=Claim("critical_batch", Q.B_CRIT, "a law")),
    PaperFigure("19", "fewer steps and tokens to a loss with size", "kaplan_reached"),
    PaperFigure("20", "the loss falls with the position as a power", "kaplan_context",
                test=Claim("by_position", Q.ALPHA, "a law")),
    PaperFigure("21", "early positions gain less from size", "kaplan_context_sizes",
                test=Claim("size_by_position", Q.ALPHA_DIFFERENCE, "above 0")),
    PaperFigure("22", "the schedule matters little", "kaplan_schedules",
                test=Claim("schedules", Q.LARGEST_INCREASE, "at most")),
    PaperFigure("23", "a power law fits better than a logarithm", "kaplan_size_laws",
                test=Claim("size_laws", Q.MISS_LEFT_OUT, "lower", analyses=("size",),
                          groups=("law=power_law", "law=logarithmic"))),
    PaperFigure("24", "depth does not change generalisation", "kaplan_depth_elsewhere",
                test=Claim("depth_elsewhere", Q.DEPTH_ELSEWHERE, "is 0", 0.02)),
)  # fmt: skip
HOFFMANN = (
    PaperFigure("1", "three approaches agree on N* ~ C^0.5", "chinchilla_frontiers",
                test=Claim("approaches", Q.A_DIFFERENCE, "is 0", 0.2)),
    PaperFigure("2", "a = 0.50 along the envelope of curves", "chinchilla_envelope",
                test=_a(1, 0.50)),
    PaperFigure("3", "a = 0.49 by isoFLOP valleys", "chinchilla_isoflop", test=_a(2, 0.49)),
    PaperFigure("4", "a = 0.46 by the parametric law", "chinchilla_contours", test=_a(3, 0.46)),
    *(PaperFigure(name, message, missing="a model of this size can do none of it")
      for name, message in (("5", "bits per byte of the Pile"), ("6", "MMLU"),
                            ("7", "BIG-bench"))),
    PaperFigure("A1", "a cosine more than 25 % too long hurts", "chinchilla_cosine",
                test=Claim("cosine_length", Q.LOSS_INCREASE, "above 0", kind="point",
                          beyond=1.2501)),
    PaperFigure("A2", "the exponents are alike on other texts", "chinchilla_corpora",
                test=Claim("corpora", Q.A_DIFFERENCE, "is 0", 0.2)),
    PaperFigure("A3", "tokens grow as the parameters do, b = 0.51", "chinchilla_tokens",
                test=_a(2, 0.51, Q.B_OPT)),
    PaperFigure("A4", "at one budget, its size beats that of Kaplan's rule",
                "chinchilla_head_to_head",
                test=Claim("head_to_head", Q.LOSS_INCREASE, "above 0")),
    PaperFigure("A5", "the frontier bends downwards", "chinchilla_curvature",
                test=Claim("curvature", Q.CURVATURE, "below 0")),
    PaperFigure("A6", "its recipe beats Gopher's", missing="compares recipes of one laboratory"),
    PaperFigure("A7", "AdamW ends below Adam", "chinchilla_optimiser",
                test=Claim("optimiser", Q.LOSS_INCREASE, "below 0")),
)  # fmt: skip
PAPERS = {
    "Kaplan et al. 2020, arXiv:2001.08361": KAPLAN,
    "Hoffmann et al. 2022, arXiv:2203.15556": HOFFMANN,
}
