"""The quantities of the table of analyses, their axes, and the base of keys of groups.

Each name is written and read through these enumerations alone, so that a misspelt name raises. A
user's module adds quantities by a subclass of `Quantity`, and keys of groups by one of `GroupKey`.
"""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Self

from isoloss.errors import nearest
from isoloss.laws import LAWS
from isoloss.tables.schema import NUMBERS, RUN_COLUMNS


class Explained(StrEnum):
    """A name with a sentence of meaning."""

    meaning: str

    def __new__(cls, value: str, meaning: str):
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class Documented(StrEnum):
    """A name with a unit and a sentence of meaning."""

    unit: str
    meaning: str

    def __new__(cls, value: str, unit: str, meaning: str):
        member = str.__new__(cls, value)
        member._value_ = value
        member.unit, member.meaning = unit, meaning
        return member

    @classmethod
    def known(cls) -> Iterator[Self]:
        """Every member of every subclass: isoloss's own, then those of the user's modules."""
        for kind in cls.__subclasses__():
            yield from kind

    @classmethod
    def read(cls, text: str) -> Self:
        """The member with this name.

        Raises
        ------
        ValueError
            There is no such member; the message suggests the nearest name.
        """
        names = {str(member): member for member in cls.known()}
        if text not in names:
            raise ValueError(f"{text!r} is no {cls.__name__}{nearest(text, names)}")
        return names[text]


class Kind(Explained):
    """The kinds of rows of the table of analyses."""

    PARAMETER = "parameter", "One number."
    POINT = "point", "A measured point."
    LINE = "line", "A point of a calculated line."


class Quantity(Documented):
    """The meaning of `value` in a row. Where the unit depends on the analysis, the row has it.

    Parameters of laws of one variable are quantities, also those of the user's own laws.
    """

    @classmethod
    def known(cls) -> Iterator[Self]:
        """Every quantity, with the parameters of all laws registered so far."""
        laws = (law for law in LAWS.values() if len(law.variables) == 1)
        _complete(cls, "LawParameter", (one for law in laws for one in law.parameters))
        return super().known()


class Q(Quantity):
    """The quantities of the shipped analyses."""

    # Compute-optimal allocation: Hoffmann et al. (2022), Sec. 3; Kaplan et al. (2020), Sec. 6.
    A_OPT = "a", "", "Exponent of the best size, N* ~ C^a."
    B_OPT = "b", "", "Exponent of the best size's tokens, D* ~ C^b."
    A_DIFFERENCE = "a: difference", "", "Difference of two a, with the same noise in both."
    A_PREDICTED = "a predicted", "", "Exponent a that the exponents of L(N, S) predict (Eq. 1.7)."
    N_OPT = "n_opt", "parameters", "Size with the least loss at a compute."
    D_OPT = "d_opt", "tokens", "Tokens that the best size is trained on."
    N_OPT_AT_PF_DAY = (
        "N_opt at 1 PF-day", "non-embedding parameters", "Best size at 1 PF-day, by the power law.",
    )  # fmt: skip
    CURVATURE = "curvature of ln N*", "", "Second derivative of ln N* in ln C."
    SD_LN_LOSS = "sd of ln loss", "", "Scatter of ln L about a polynomial in ln N and ln D."
    LOSS_AT_N = "loss at n_params", "nats per token", "Loss of one size at a common compute."
    OUTSIDE_BLOCKS = (
        "share outside the blocks", "", "Share of the parameters that Kaplan's count leaves out.",
    )  # fmt: skip
    ALPHA_C = "alpha_C", "", "Exponent of the least loss, L = (C_c / C)^alpha_C."
    ALPHA_C_PREDICTED = "alpha_C predicted", "", "alpha_C that the exponents of L(N, S) predict."
    C_C = "C_c", "PF-days", "Compute at which that power law comes to a loss of 1."
    EXPONENT_OF_STEPS = "exponent of steps", "", "Exponent of the steps of the best size, by C."
    EXPONENT_OF_BATCH = "exponent of the batch", "", "Exponent of the critical batch, by C."
    ALPHA_D_OF_C = "alpha_D (1 - a)", "", "Exponent of L(D(C)), the loss that the data allow."
    C_STAR = "C*", "PF-days", "Compute at which L(C) and L(D(C)) meet."
    N_STAR = "N*", "non-embedding parameters", "Size at which L(C) and L(D(C)) meet."
    D_STAR = "D*", "tokens", "Tokens at which L(C) and L(D(C)) meet."
    L_STAR = "L*", "nats per token", "Loss at which L(C) and L(D(C)) meet."
    EXCESS_COMPUTE = "excess compute", "ratio", "Compute to a loss, over that of the best size."
    EXCESS_STEPS = "excess steps", "ratio", "Steps to a loss, over those of the best size."

    # Losses, steps and tokens, measured or on a line.
    LOSS = "loss", "nats per token", "Held-out loss."
    STEPS = "steps", "steps", "Steps of the optimiser to a loss or for a budget."
    TOKENS = "tokens", "tokens", "Tokens to a loss or for a budget."
    COMPUTE = "compute", "PF-days", "Compute to a loss."
    BATCH = "batch", "tokens a step", "Batch on the frontier."
    BEST_LOSS = "best_loss", "nats per token", "Lowest held-out loss of a run on limited data."
    UNLIMITED_LOSS = (
        "unlimited_loss", "nats per token", "Lowest loss of a run that sees every token once.",
    )  # fmt: skip
    BEST_STEP = "best_step", "steps", "Step of the lowest held-out loss."
    UNLIMITED_STEP = (
        "unlimited_step", "steps", "Step at which a run without repetition reaches that loss.",
    )  # fmt: skip
    STOP_BOUND = "stop_bound", "steps", "Lower bound of the step of early stopping (Eq. 5.7)."
    BEYOND_BOUND = (
        "share of runs that stop at or beyond the bound", "", "Share of runs that the bound holds.",
    )  # fmt: skip

    # Parameters of laws.
    A = "A", "loss", "Coefficient of the term of size, or of the only variable."
    B = "B", "loss", "Coefficient of the term of data."
    E = "E", "loss", "Loss that neither size nor data lowers."
    ALPHA = "alpha", "", "Exponent of size, or of the only variable."
    BETA = "beta", "", "Exponent of data."
    ALPHA_N = "alpha_N", "", "Exponent of size in Kaplan et al.'s laws."
    ALPHA_D = "alpha_D", "", "Exponent of data in Kaplan et al.'s laws."
    ALPHA_S = "alpha_S", "", "Exponent of steps in L(N, S) (Eq. 1.6)."
    N_C = "Nc", "non-embedding parameters", "Scale of size in Kaplan et al.'s laws."
    D_C = "Dc", "tokens", "Scale of data in Kaplan et al.'s laws."
    S_C = "Sc", "steps", "Scale of steps in L(N, S)."
    X_C = "Xc", "", "Scale of a power law of one variable, in the unit of that variable."
    INTERCEPT = "intercept", "loss", "Loss of a logarithmic law where its variable is 1."
    K = "k", "", "Slope of a logarithmic law; for limited data, k of D = k N^p."
    P = "p", "", "Exponent of the tokens that suffice, D = k N^p (Eq. 4.4)."
    TOKENS_THAT_SUFFICE = (
        "tokens that suffice", "tokens", "Unique tokens that keep the excess below the threshold.",
    )  # fmt: skip
    EXCESS = "excess", "", "Share by which a loss lies above that of endless data."
    MISFIT_LN_L = "misfit of ln L", "", "Root mean square residual of ln L."
    MISFIT_LN_S = "misfit of ln S", "", "Root mean square residual of ln S."
    MISS = "miss", "relative", "Root mean square residual of a law, as a share of the loss."
    MISS_LEFT_OUT = (
        "miss of a run left out", "relative", "The same of each run, by the law of the others.",
    )  # fmt: skip

    # The critical batch: Kaplan et al. (2020), Sec. 5.1; McCandlish et al. (2018).
    B_CRIT = "B_crit", "tokens", "Batch at which steps and tokens are traded evenly."
    B_STAR = "B_star", "tokens", "B_crit at a loss of 1, by Eq. 1.4."
    ALPHA_B = "alpha_B", "", "B_crit = B_star / L^(1 / alpha_B)."
    INVERSE_ALPHA_B = "inverse_alpha_B", "", "1 / alpha_B."
    S_MIN = "S_min", "steps", "Fewest steps to a loss, at a batch far above the critical one."
    E_MIN = "E_min", "tokens", "Fewest tokens to a loss, at a batch far below the critical one."
    NOISE_SCALE = "noise_scale", "tokens", "Gradient noise scale, measured on halves of batches."
    SIZE_EXPONENT_B_CRIT = (
        "size exponent of B_crit", "", "Exponent of B_crit in N at equal loss; Eq. 1.4 has 0.",
    )  # fmt: skip

    # How the runs were trained.
    BEST_RATE = "best rate", "", "Learning rate with the least loss, by a parabola in ln rate."
    RATE_SLOPE = (
        "slope of ln best rate against ln width", "", "Exponent of the best rate in the width.",
    )  # fmt: skip
    LOSS_FOR_FACTOR_2 = (
        "loss for a factor of two", "nats per token", "Loss that half or twice the best rate adds.",
    )  # fmt: skip
    DIVERGED = "diverged", "", "A run without a final loss."
    SD_LOSS = "sd of the loss", "nats per token", "Standard deviation of the loss over seeds."
    RELATIVE_SD = "relative sd of the loss", "", "The same of ln L, all settings together."
    COOLED_MINUS = (
        "cooled - independent", "nats per token", "Mean loss of cooled runs less independent ones.",
    )  # fmt: skip
    COOLED_RATIO = "cooled / independent - 1", "", "The same of ln L, all sizes together."
    COOLED_LOSS = "cooled loss", "nats per token", "Loss of a run that cools a trunk down."
    INDEPENDENT_LOSS = "independent loss", "nats per token", "Loss of a run trained by itself."
    COOLED_FORECAST = (
        "forecast of the cooled loss", "nats per token", "Made from what was known before the run.",
    )  # fmt: skip
    FORECAST_ERROR = (
        "error of forecasts of cooled losses", "relative", "Root mean square of ln(forecast/loss).",
    )  # fmt: skip
    FORECASTS_HELD = "share of forecasts held", "", "Share whose interval has the measured loss."
    NORMALISED_LOSS = (
        "normalised loss", "ratio", "(L - L0) / (L_end - L0) along a trunk at t / t_end.",
    )  # fmt: skip
    CURVE_APART = (
        "normalised curve apart", "", "Mean ln of a size's normalised loss less the other sizes'.",
    )  # fmt: skip
    CURVE_NOISE = "sd of a normalised curve", "", "Standard deviation of that mean ln over seeds."
    LOSS_INCREASE = "loss increase", "%", "Mean loss over that of the runs compared with, less 1."
    LARGEST_INCREASE = "largest loss increase", "%", "The largest of those compared."
    WORTH = "worth of repeated data", "epochs", "Fresh tokens of the same loss, over unique tokens."
    R_D = "R_D", "repetitions", "Repetitions after which a token has lost most of its worth."
    R_N = "R_N", "repetitions", "The same of parameters beyond the best size for unique tokens."
    BEST_OF = (
        "best of k settings",
        "%",
        "Expected lowest loss of k settings, over that of all.",
    )
    GAIN = (
        "gain of twice the settings",
        "%",
        "What the second half of the settings gains.",
    )
    SIZE_BY_RULE = "size by a rule", "parameters", "Non-embedding parameters that a rule asks for."
    RATE = "learning rate", "", "Of a step."
    OVERTAKEN = (
        "share of the run after which it leads",
        "",
        "From there on the loss is lower.",
    )
    ALPHA_DIFFERENCE = (
        "alpha: difference", "", "Difference of two alpha, of runs with noise of their own.",
    )  # fmt: skip
    STOPS = (
        "position where the loss stops falling", "tokens",
        "From there on, the rest of the context lowers the loss by less than a threshold.",
    )  # fmt: skip
    LOSS_ELSEWHERE = "loss elsewhere", "nats per token", "Held-out loss on another text."
    OFFSET_ELSEWHERE = (
        "offset of the loss elsewhere", "nats per token",
        "Mean loss on another text less that on the training text's held-out part.",
    )  # fmt: skip
    SLOPE_ELSEWHERE = (
        "slope of the loss elsewhere", "",
        "Change of the loss on another text for a nat of loss on the training text.",
    )  # fmt: skip
    REST_ELSEWHERE = (
        "rest of the loss elsewhere", "nats per token",
        "Loss on another text less that of models of other sizes at equal loss in training.",
    )  # fmt: skip
    DEPTH_ELSEWHERE = (
        "rest of the loss elsewhere by depth", "nats per token",
        "Change of that rest for a doubling of the depth.",
    )  # fmt: skip
    APART_ELSEWHERE = (
        "loss elsewhere while training", "nats per token",
        "Mean loss on another text while training, less that of trained models at equal loss.",
    )  # fmt: skip
    INDEPENDENT_FLOPS = "independent FLOPs", "FLOP", "Compute of the grid, each run by itself."
    TRAINED_FLOPS = "trained FLOPs", "FLOP", "Compute of the grid with its shared trunks."
    TRAINED_SHARE = "trained FLOPs / independent FLOPs", "", "Share that trunks leave to be paid."

    # A run that is predicted before it is trained.
    PREDICTED = "predicted loss", "nats per token", "Loss that a law predicts of the held-out run."
    PREDICTED_WITHOUT_DRIFT = (
        "predicted loss, if the law goes on without drift", "nats per token",
        "The same, with the interval of the law alone.",
    )  # fmt: skip
    LARGEST_FITTED = "largest compute fitted", "FLOP", "Largest compute that a prediction rests on."


class Axis(Documented):
    """The meaning of `x` in points and lines: a named axis, or any numeric column of runs."""

    @classmethod
    def known(cls) -> Iterator[Self]:
        """Every axis, with the columns of user's tasks declared so far."""
        _complete(cls, "RunColumn", (one for one in RUN_COLUMNS if one.name in NUMBERS))
        return super().known()


class X(Axis):
    """The axes of the shipped analyses."""

    N_PARAMS = "n_params", "parameters", "All parameters."
    N_NON_EMBEDDING = "n_params_non_embedding", "parameters", "Parameters without embeddings."
    N_APPLIED = (
        "n_params_applied", "parameters",
        "Parameters without embeddings, each counted as often as a token passes it.",
    )  # fmt: skip
    POSITION = "position", "tokens", "Tokens of the context that a prediction can see."
    N_TOKENS = "n_tokens", "tokens", "Tokens of training, counted each time."
    TOKENS = "tokens", "tokens", "Tokens to a loss, or of a batch."
    N_UNIQUE_TOKENS = "n_unique_tokens", "tokens", "Different tokens of training."
    STEPS = "steps", "steps", "Steps of the optimiser, or the least that a loss takes (Eq. 5.4)."
    LOSS = "loss", "nats per token", "Held-out loss."
    N_LAYER = "n_layer", "", "Blocks of a transformer."
    WIDTH = "width", "", "d_model, or the hidden units of an MLP."
    SEED = "seed", "", "Seed of a run."
    SHARE_OF_RUN = "t / t_end", "", "Steps over those at which a normalised curve ends."
    PEAK_LR = "peak_lr", "", "Largest learning rate."
    SETTINGS = "settings", "", "Settings that were tried."
    EPOCHS = "epochs", "", "Tokens of training over different tokens."
    LR_SUM = "lr_sum", "", "Sum of the learning rates of all steps."
    COSINE_LENGTH = "cosine length", "ratio", "Steps of the cosine over those of the run."
    ASPECT = "d_model / n_layer", "", "Width of the residual stream over the number of blocks."
    FEED_FORWARD = "d_ff / d_model", "", "Width of the feed-forward layer over that of the stream."
    HEAD = "d_model / n_head", "", "Dimensions of an attention head."
    SIZE_RATIO = "N^p / D", "", "The one ratio that the excess depends on (Eqs. 4.2 and 4.3)."
    SIZE_OVER_BEST = "size over the cheapest", "ratio", "N over the size that is cheapest."
    COMPUTE_FLOPS = "compute_flops", "FLOP", "Compute, counted exactly."
    COMPUTE_KAPLAN = "compute, kaplan (FLOP)", "FLOP", "6 N D without embeddings."
    COMPUTE_LOGITS = "compute, logits (FLOP)", "FLOP", "The same with the output layer."
    COMPUTE_EMBEDDINGS = "compute, embeddings (FLOP)", "FLOP", "6 N D of all parameters."
    COMPUTE_EXACT = "compute, exact (FLOP)", "FLOP", "Counted exactly, of all parameters."
    COMPUTE_PF_DAYS = "compute_pf_days", "PF-days", "6 N B S without embeddings."
    COMPUTE_MIN_PF_DAYS = "compute_min_pf_days", "PF-days", "The same at a small batch (Eq. 5.5)."


def _complete(kind: type[Documented], name: str, found: Iterable[Any]) -> None:
    """Add members to a kind: objects with a name, a unit and a meaning that it does not have."""
    known = {str(member) for members in kind.__subclasses__() for member in members}
    missing: dict[str, tuple[str, str, str]] = {}
    for one in found:
        if one.name not in known:
            meaning = f"{one.meaning[:1].upper()}{one.meaning[1:]}."
            missing.setdefault(one.name, (one.name, one.unit, meaning))
    if missing:
        kind(name, missing, module=__name__)
