"""Texts in YAML and in settings say what is drawn, not what the runs showed, in short sentences."""

import re
import statistics
from pathlib import Path

import pytest

from isoloss.config import exhibits
from isoloss.config.compared import SHIPPED
from isoloss.config.load import parse_config, read_config, whole_studies

ROOT = Path(__file__).parents[2]
PRESETS = [(), *((f"{name}.yaml",) for name in ("smoke", "full", "workstation", "gpu", "paper"))]
MOST_WORDS = 30  # of a sentence
MOST_OF_A_CAPTION, MEDIAN_OF_CAPTIONS = 70, 45

# What only results could back. A caption or a note may say what is drawn and how to read it; what
# it shows is computed by the exhibit, from its tables.
CLAIMS = [
    r"\b(?:it|they|this|these|data|runs|figure|panel|points|curves) (?:show|prove|confirm)s?\b",
    r"\bshow(?:s|n)? that\b",
    r"\b(?:confirms|reproduces|agrees? with (?:the )?(?:paper|theory|law)|as theory has it)\b",
    r"\b(?:collapses?|keeps? every|near its best|depends? on little|falls? straight)\b",
    r"\b(?:holds well|fits? well|is clear(?:ly)?|evident(?:ly)?|obvious(?:ly)?|of its size)\b",
    r"\bis said below\b|\bsee below\b|\bthat is said\b",
    r"\b(?:misses?|differs?) (?:the \w+ )?by (?:about )?\d",
    r"\b(?:about|only|nearly|almost|some) (?:one|two|three|four|five|ten|hundred)(?: \w+){0,2} "
    r"(?:above|below|larger|smaller|more|fewer|less|higher|lower)\b",
    r"\b(?:two|three|ten|hundred|thousand|\d+) times (?:as|the|more|fewer|less|larger|lower)\b",
    r"\balready (?:falls|rises|shows)\b|\bstill (?:zero|falls|rises)\b",
    r"\b(?:four|five|six|seven) (?:or \w+ )?sizes\b",
    r"\b(?:a|one) cliff\b|\bthen a floor\b",
    r"\bover (?:two|three|four|five) decades\b",
    r"\b(?:laptop|at the scale of)\b",
    r"\b(?<![.\d])(?!90 %)\d+(?:\.\d+)? ?%",  # but an interval's level
]
# A result of a paper, with the paper; or a setting of the study.
SOURCED = re.compile(r"arXiv:\d{4}\.\d{5}|\bet al\.")

# From captions and notes of an earlier state. Each was untrue of some runs that it stood above.
UNTRUE = [
    "Four sizes and this range of data show that the excess depends on little but the ratio.",
    "A cliff, then a floor: the floor is about ten times above that of the decayed rate.",
    "It shows that a rate scaled with the width keeps every size near its best.",
    "The loss already falls where this share is still zero.",
    "Seen here only at the scale of a laptop.",
    "Four or five sizes a valley.",
    "The models of the paper are a thousand times as large.",
    "Its order, over three decades.",
    "Eq. 1.6 misses the curves by 1.7%.",
    "Where the exponent drifts, that is said below.",
    "The noise scale is of its size, as theory has it up to a factor.",
    "It shows the critical batch at the losses that these runs pass.",
    "The largest size is 41 % below the law.",
]


def claims(text):
    """The sentences of a text that assert a result without a source."""
    return [one for one in sentences(text)
            if any(re.search(claim, one, re.IGNORECASE) for claim in CLAIMS)
            and not SOURCED.search(one)]  # fmt: skip


def sentences(text):
    """A text's sentences; an abbreviation ends none, a colon before a capital letter ends one."""
    joined = re.sub(r"\b(al|Eqs?|Secs?|Figs?|v|vs)\. ", r"\1.¬", text)
    parts = re.split(r"(?<=[.?!;])\s+|(?<=:)\s+(?=[A-Z])", joined)
    return [one.replace("¬", " ") for one in parts if one]


def too_long(text):
    return [one for one in sentences(text) if len(one.split()) > MOST_WORDS]


@pytest.fixture(scope="module")
def said():
    """Where -> a text that a person wrote, of every study in every preset and of every kind."""
    texts = {}
    for preset in PRESETS:
        files = [ROOT / "config" / name for name in preset]
        config = parse_config(read_config(ROOT, files))
        studies, problems = whole_studies(config, ROOT / "config" / "studies")
        assert not problems
        for name, study in studies.items():
            where = " ".join((name, *preset))
            for key in ("title", "question", "theory"):
                texts[f"{where} {key}"] = getattr(study, key)
            for key in ("notes", "errata"):
                for place, text in enumerate(getattr(study, key)):
                    texts[f"{where} {key} {place}"] = text
            for row in study.comparison:
                texts[f"{where} comparison {row.quantity}"] = row.scale
            for figure in study.figures:
                texts[f"{where} {figure.name} title"] = figure.title
                texts[f"{where} {figure.name} caption"] = figure.caption
    for draw in exhibits.FIGURES:
        fields = exhibits.figure(draw).settings.model_fields
        for key in ("title", "caption"):
            if isinstance(fields[key].default, str):
                texts[f"{draw} {key}"] = fields[key].default
    for name, row in SHIPPED.items():
        texts[f"comparison {name}"] = row.get("scale", "")
    return {where: text for where, text in texts.items() if text}


@pytest.mark.parametrize("text", UNTRUE)
def test_a_claim_of_an_earlier_state_is_found(text):
    assert claims(text) == [text]


def test_what_a_paper_found_and_how_a_figure_is_read_are_no_claims():
    assert not claims(
        "Hoffmann et al. (2022, arXiv:2203.15556) show that N ~ C^0.5. Bars are 90 % intervals. "
        "An interval off zero marks a size that trains differently. Compare only the slopes."
    )


def test_no_text_asserts_a_result(said):
    assert len(said) > 100
    assert not {where: found for where, text in said.items() if (found := claims(text))}


def test_no_text_speaks_of_an_article_without_a_name(said):
    named = re.compile(r"\b(?:the|an|this) articles?\b", re.IGNORECASE)
    assert not {where: text for where, text in said.items() if named.search(text)}


def test_no_sentence_is_long(said):
    assert too_long(" ".join(["word"] * 31)) and not too_long(" ".join(["word"] * 30))
    assert not {where: found for where, text in said.items() if (found := too_long(text))}


def test_captions_are_short(said):
    captions = {text for where, text in said.items() if where.endswith(" caption")}
    counts = [len(text.split()) for text in captions]
    assert len(counts) > 50
    assert max(counts) <= MOST_OF_A_CAPTION
    assert statistics.median(counts) <= MEDIAN_OF_CAPTIONS
