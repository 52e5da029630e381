"""Rows of the comparison of published numbers with a study's own."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from isoloss.config.section import Name, Section
from isoloss.errors import nearest


class Compared(Section):
    """A row of the comparison of published numbers with a study's own."""

    quantity: str  # the compared quantity
    kaplan: str = ""  # the value of Kaplan et al. (2020)
    chinchilla: str = ""  # the value of Hoffmann et al. (2022)
    elsewhere: str = ""  # values of published studies at a small scale
    scale: str = ""  # the part of it that a study of this size can show
    of: Name  # the fit or the analysis that measures it
    group: str = ""  # the group of the fit or of the analysis
    parameter: str  # the parameter or quantity


# Rows that a study names: each number in the paper's own way of counting.
SHIPPED = {
    "a_counted_as_kaplan": {
        "quantity": "exponent a of N* ~ C^a, by Hoffmann's law, counted as Kaplan does",
        "kaplan": "0.73 (C_min); 0.88 by C as spent",
        "chinchilla": "0.50, 0.49, 0.46, by all parameters",
        "elsewhere": "Porian et al. 2024, arXiv:2406.19146: 0.835 (0.824-0.846), and 0.706 once "
        "the output layer's FLOPs count; github.com/shehper/scaling_laws, up to 6.3M parameters: "
        "0.90, 0.72 for C_min",
        "of": "surface",
        "parameter": "a",
    },
    "a_by_kaplans_law": {
        "quantity": "exponent a by Kaplan's joint law, a = alpha_D / (alpha_N + alpha_D)",
        "kaplan": "0.58 by its alpha_N and alpha_D; 0.73 (C_min) measured",
        "of": "joint",
        "parameter": "a",
    },
    "a_by_skaling": {
        "quantity": "exponent a by the law Skaling, which holds both (Videau et al. 2026)",
        "of": "coupled",
        "parameter": "a",
    },
    "a_counted_exactly": {
        "quantity": "a by Hoffmann's law, with N all parameters and C counted exactly",
        "chinchilla": "0.50, 0.49, 0.46",
        "elsewhere": "Porian et al. 2024: 0.497 (0.491-0.505) when all is tuned; Minchilla, on "
        "characters: 0.48",
        "of": "recount",
        "group": "count=exact, approach=3",
        "parameter": "a",
    },
    "a_moved_by_counting": {
        "quantity": "move of a by counting alone, from all parameters to Kaplan's N and C",
        "elsewhere": "Pearce and Song 2024, arXiv:2406.12907: from 0.52 to 0.78, with a "
        "vocabulary of 32,000; Porian et al. 2024: 0.129 by the output layer alone",
        "scale": "The smaller the vocabulary, the less a moves",
        "of": "recount",
        "group": "count=kaplan - count=embeddings, predicted",
        "parameter": "a: difference",
    },
    "alpha_N": {
        "quantity": "alpha_N of the joint law L(N, D), Kaplan's Eq. 1.5, no embeddings",
        "kaplan": "0.076",
        "chinchilla": "another law",
        "elsewhere": "github.com/shehper/scaling_laws: 0.076",
        "scale": "The value depends on the corpus and on its tokens",
        "of": "joint",
        "parameter": "alpha_N",
    },
    "alpha_D": {
        "quantity": "alpha_D of the joint law L(N, D), Kaplan's Eq. 1.5, no embeddings",
        "kaplan": "0.103",
        "chinchilla": "another law",
        "elsewhere": "github.com/shehper/scaling_laws: 0.122; Hestness et al. 2017, "
        "arXiv:1712.00409, characters: 0.094; Cagnetta et al. 2026, "
        "arXiv:2602.07488, with the floor removed: 0.141 and 0.185",
        "scale": "The value depends on the corpus and on its tokens",
        "of": "joint",
        "parameter": "alpha_D",
    },
    "alpha": {
        "quantity": "alpha of Hoffmann's law, all parameters",
        "kaplan": "another law",
        "chinchilla": "0.34; 0.348 refitted (Besiroglu et al. 2024)",
        "elsewhere": "0.352 (Muennighoff et al. 2023)",
        "scale": "The value depends on the floor E",
        "of": "surface_total",
        "parameter": "alpha",
    },
    "beta": {
        "quantity": "beta of Hoffmann's law",
        "kaplan": "another law",
        "chinchilla": "0.28; 0.366 refitted (Besiroglu et al. 2024)",
        "elsewhere": "0.352 (Muennighoff et al. 2023)",
        "scale": "The value depends on the floor E",
        "of": "surface_total",
        "parameter": "beta",
    },
    "alpha_C": {
        "quantity": "alpha_C of the best loss against compute as spent",
        "kaplan": "0.057; 0.050 for C_min",
        "elsewhere": "github.com/shehper/scaling_laws: 0.074; davidmoser, models below 1e7 "
        "parameters on C4: 0.072",
        "of": "frontier",
        "parameter": "alpha_C",
    },
    "inverse_alpha_B": {
        "quantity": "critical batch, B ~ L^(-1 / alpha_B)",
        "kaplan": "1 / alpha_B = 4.76",
        "elsewhere": "github.com/shehper/scaling_laws: 4.26",
        "of": "critical_batch",
        "parameter": "inverse_alpha_B",
    },
}


def _named(given: Any) -> Any:
    """The whole row for the name of a shipped row."""
    if not isinstance(given, str):
        return given
    if given not in SHIPPED:
        hint = nearest(given, SHIPPED) or f"; there are {', '.join(SHIPPED)}"
        raise ValueError(f"there is no row {given!r}{hint}")
    return SHIPPED[given]


Named = Literal[tuple(SHIPPED)]
Row = Annotated[Compared, BeforeValidator(_named, json_schema_input_type=Compared | Named)]
