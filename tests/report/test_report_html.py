"""The report holds every figure and every number, and nothing that the data do not determine."""

import base64
import gzip
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from isoloss.exhibits.base import Tables
from isoloss.exhibits.generic.loss import LossAgainstX
from isoloss.exhibits.make import draw
from isoloss.files import write_parquet
from isoloss.laws import published
from isoloss.report.build import HERE, build
from isoloss.report.figures import FigureShown, parts
from isoloss.report.markup import plain, prose, seconds, verdict
from isoloss.report.run_sets import RunSets
from isoloss.report.study import Paths, fits, runs

HOSTILE = '<script>alert("x")</script><img src=http://example.org/x onerror=alert(1)>'


def fit_rows(fit, law, values, verdict="identified", group="", **columns):
    """Rows of fits.parquet: parameter -> (value, lo, hi, theory)."""
    return [
        {"study": "sine", "fit": fit, "group": group, "law": law, "parameter": name,
         "value": value, "lo": lo, "hi": hi, "level": 0.9, "unit": "", "method": "wild bootstrap",
         "objective": "huber", "n_runs": 8, "verdict": verdict,
         "fit_verdict": verdict, "warnings": "", "runs": "run-0 run-1",
         "theory": theory, "theory_source": "a theorem" if theory else None,
         "diagnostics": "{}"} | columns
        for name, (value, lo, hi, theory) in values.items()
    ]  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The results of two studies: one with all that can go wrong, one that trains nothing."""
    root = tmp_path_factory.mktemp("project")
    table = pd.DataFrame({
        "sweep": "width", "run_id": [f"run-{i}" for i in range(8)], "task": "function",
        "n_params": 2 ** np.arange(4, 12), "loss": 2.0 ** -np.arange(8), "seed": 0,
        "status": "done", "reason": None, "train_cpu_s": 1.5, "code": "old",
    })  # fmt: skip
    table.loc[3, ["status", "reason"]] = ["diverged", "the loss was nan at step 7"]
    table.loc[4, "code"] = "new"
    table["kernel"] = ["native 1"] * 6 + ["torch 2.13", "torch 2.13, then native 1"]
    fitted = pd.DataFrame([
        *fit_rows("width_law", "power_law", {"A": (3.0, 2.9, 3.1, None),
                                             "alpha": (1.23, 1.11, 1.35, 4.0)}),
        *fit_rows("noise_law", "power_law", {"alpha": (1.02, 0.91, 1.13, 1.0)}, group="n_inputs=2"),
        *fit_rows("hopeless", "power_law", {"alpha": (7.654321, 1.0, 9.0, None)},
                  verdict="not identified: the loss has a floor"),
        *fit_rows("empty", "power_law", {None: (None, None, None, None)},
                  verdict="not fitted: 2 runs, 2 parameters"),
    ])  # fmt: skip
    folder = root / "results" / "studies" / "sine"
    write_parquet(folder / "runs.parquet", table)
    write_parquet(folder / "fits.parquet", fitted)
    write_parquet(root / "results" / "losses.parquet", table)
    figure = LossAgainstX(draw="loss_against_x", name="width", title=f"Loss {HOSTILE}",
                          caption="It falls as N^-1.2.", x="n_params", x_label="N", y_label="L",
                          series={"width": "runs"}, tabulate=True)  # fmt: skip
    draw(figure, Tables(runs=table), root / "figures" / "sine" / "width")
    return root


TEXTS = {
    "sine": {
        "source": "training", "title": f"A sine {HOSTILE}", "question": "How fast?",
        "theory": "As N^-4.", "notes": [f"note {HOSTILE}"], "errata": ["It is `w^2`, not 3w^2."],
        "figures": ["width", "absent"], "draws": {"width": "loss_against_x"},
        "fits": ["width_law", "noise_law", "hopeless", "empty"],
    },
    "published": {
        "source": "published", "title": "Published", "question": "What?", "theory": "Nothing.",
        "notes": [], "errata": [], "figures": [], "fits": [],
    },
}  # fmt: skip


def report(root, **changes):
    given = {
        "paths": Paths(root / "results" / "report.html", root / "results", root / "figures"),
        "planned": {"sine": [f"run-{i}" for i in range(9)]},
        "code": {"function": "new"},
        "about": [("PyTorch", "2.13.0")],
        "command": "snakemake --cores all study_{study}",
    }
    return build(TEXTS, **(given | changes))


@pytest.fixture(scope="module")
def html(project):
    return report(project)


class Parsed(HTMLParser):
    """The tags, links, and text of a page; an unclosed tag is an error."""

    EMPTY = {"meta", "img", "br", "link"}
    INSIDE_A_WORD = {"sup", "sub", "abbr", "a"}

    def __init__(self, page):
        super().__init__()
        self.tags, self.links, self.images, self.texts, self.open = [], [], [], [], []
        self.ids, self.unfolded = [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if "href" in attributes else []
        self.images += [attributes["src"]] if "src" in attributes else []
        assert not any(name.startswith("on") for name in attributes)
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.texts.append("" if tag in self.INSIDE_A_WORD else " ")

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)
            if "details" not in self.open or "summary" in self.open:
                self.unfolded.append(data)

    @property
    def text(self):
        return " ".join("".join(self.texts).split())


def test_hostile_texts_stay_texts(html):
    page = Parsed(html)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert page.tags.count("script") == len(scripts)
    assert {text.strip() for text in scripts} <= {
        path.read_text("utf-8").strip() for path in HERE.glob("*.js")
    }
    assert all(image.startswith("data:image/png;base64,") for image in page.images)
    assert page.text.count("<script>alert") >= 3


def test_it_needs_nothing_beside_it(html):
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    assert "url(" not in style and "@import" not in style
    beyond = [link for link in Parsed(html).links if ":" in link]
    assert all(link.startswith("data:application/gzip;base64,") for link in beyond)


def test_links_lead_to_files_and_sections_that_are_there(html, project):
    page = Parsed(html)
    assert page.links
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in page.ids
        elif not link.startswith("data:"):
            assert (project / "results" / link).is_file(), link


def test_theory_notes_and_tables_are_folded_and_figures_are_not(html):
    page = Parsed(html)
    shown = " ".join(" ".join(page.unfolded).split())
    assert len(shown) < len(page.text)
    for folded in ("As N", "run-8", "2.90 to 3.10", "7 of 9 runs", "It is"):
        assert folded in page.text and folded not in shown, folded
    for open_text in ("How fast?", "Figure 1.", "It falls as", "What theory says"):
        assert open_text in shown, open_text


def test_every_image_has_its_size_and_says_more_than_its_title(html):
    (image,) = re.findall(r"<img ([^>]*)>", html)
    told = dict(re.findall(r'(\w+)="([^"]*)"', image))
    png = base64.b64decode(told["src"].partition("base64,")[2])
    assert png[1:4] == b"PNG"
    ratio = int.from_bytes(png[16:20]) / int.from_bytes(png[20:24])
    assert int(told["width"]) / int(told["height"]) == pytest.approx(ratio, rel=0.01)
    assert "It falls as N" in told["alt"]


def test_the_drawn_numbers_are_inside(html, project):
    (packed,) = re.findall(r'href="data:application/gzip;base64,([^"]+)"', html)
    drawn = (project / "figures" / "sine" / "width.csv").read_bytes()
    assert gzip.decompress(base64.b64decode(packed)) == drawn


def test_a_fit_leads_to_its_runs_which_lead_back(project):
    table = pd.read_parquet(project / "results" / "studies" / "sine" / "fits.parquet")
    fitted = table[table["fit"] == "width_law"].assign(runs="run-0 run-1 run-2")
    sets = RunSets(
        Paths(project, project, project), "sine", {f"run-{i}": ["width"] for i in range(8)}
    )
    (fit,) = fits(fitted)
    anchor = sets.anchor(fit.runs, [number.parameter for number in fit.numbers], "sine-fits")
    (behind,) = sets.shown()
    assert (behind.anchor, behind.back, behind.of_sweeps) == (
        anchor,
        "sine-fits",
        "of the sweep width",
    )
    assert behind.behind == "A, alpha"


def test_parts_come_in_the_order_of_their_first_figures():
    shown = [FigureShown(name, name) for name in ("grid", "kaplan", "valley", "late")]
    of = {"grid": "Findings", "kaplan": "Kaplan's", "valley": "Chinchilla's", "late": "Findings"}
    found = parts("text", shown, of)
    assert [part.name for part in found] == ["Findings", "Kaplan's", "Chinchilla's"]
    assert [one.name for one in found[0].figures] == ["grid", "late"]
    assert [part.name for part in parts("text", shown, {})] == [""]


def test_every_identified_number_is_there_with_its_interval(html):
    page = Parsed(html)
    for text in ("1.23", "1.11 to 1.35", "3.00", "2.90 to 3.10", "1.02", "0.91 to 1.13"):
        assert text in page.text


def test_a_number_that_the_data_do_not_determine_is_not_shown(html):
    page = Parsed(html)
    assert "not identified: the loss has a floor" in page.text
    assert "not fitted: 2 runs, 2 parameters" in page.text
    assert "7.65" not in page.text


def test_what_the_data_leave_open_is_shown_as_an_interval_without_a_value(html):
    assert re.search(r"α – 1(\.0)? to 9(\.0)?", Parsed(html).text)


def test_theory_is_said_to_be_inside_or_outside(html):
    page = Parsed(html)
    assert page.text.count("theory is outside") == 1
    assert page.text.count("theory is inside") == 1


def test_each_study_has_a_finding_that_links_to_its_figure_and_its_runs(html):
    cards = re.findall(r"<article.*?</article>", html, re.DOTALL)
    text = Parsed(cards[0]).text
    assert "falls as" in text and "where theory says (4)" in text
    assert "#sine-width" in Parsed(cards[0]).links and {"#sine-runs-1"} <= set(
        Parsed(cards[0]).links
    )


def test_the_figure_of_the_first_screen_is_there_once(html):
    first = html[: html.index('id="page-studies"')]
    assert first.count("data:image/png;base64,") == html.count("data:image/png;base64,") == 1
    assert 'id="sine-width"' in first


def test_a_report_on_one_study_lists_no_studies_and_counts_runs_only_where_there_are(project):
    paths = Paths(project / "report.html", project / "results", project / "figures")
    page = Parsed(build({"published": TEXTS["published"]}, paths=paths, planned={}, code={}))
    assert "page-studies" not in page.ids and "#page-studies" not in page.links
    assert "1 study, without a training run." in page.text


def test_a_text_cannot_turn_the_direction_of_what_follows_it():
    assert prose("a \u202eunit\u2066") == "a unit"


def test_words_that_findings_use_are_explained(html):
    page = Parsed(html)
    for word in ("N, D, C", "nats", "Interval", "Not identified", "Lack of fit"):
        assert word in page.text
    assert "isoloss next" in page.text


def test_the_figures_are_inside(html, project):
    png = (project / "figures" / "sine" / "width.png").read_bytes()
    images = [image.split(",")[1] for image in Parsed(html).images]
    assert [base64.b64decode(image) for image in images] == [png]


def test_a_figure_that_was_not_drawn_is_said(html):
    assert "The figure absent has not been drawn." in Parsed(html).text


def test_drawn_numbers_are_tabulated_where_asked(html):
    assert "numbers and files of figure 1" in Parsed(html).text
    assert "<td>2,048</td>" in html


def test_runs_that_are_left_out_are_named_with_the_reason(html):
    page = Parsed(html)
    assert "run-3 : diverged: the loss was nan at step 7" in page.text
    assert "run-8 : missing: the job failed or has not run" in page.text
    assert "7 of 9 runs, 12 s of one core" in page.text


def test_runs_of_other_code_are_counted(html):
    assert "7 of the 9 runs were trained by other code than the present" in Parsed(html).text


def test_runs_of_another_kernel_are_counted(html):
    page = Parsed(html)
    assert "2 of the 9 runs were trained by another kernel than the other runs" in page.text
    assert "for example run-6 by torch 2.13" in page.text
    assert "2 trained by another kernel than the others." in page.text


def test_the_command_names_the_study(html):
    assert "<code>snakemake --cores all study_sine</code>" in html


def test_the_published_constants_are_listed_with_source(html):
    page = Parsed(html)
    for constant in published.CONSTANTS:
        for text in (constant.text, constant.source):
            assert Parsed(prose(text)).text in page.text


def test_a_study_without_any_results_is_still_shown(tmp_path):
    page = Parsed(report(tmp_path))
    assert "run-0 : not trained yet" in page.text
    assert "have a loss, and no law was fitted to them." in page.text


def test_the_same_results_give_the_same_bytes(html, project):
    assert report(project) == html


def test_prose_marks_up_powers_and_code_only():
    assert prose("a_1 N^-0.5, `w^2`, x^{a+b}. <b>") == (
        "a_1 N<sup>−0.5</sup>, <code>w^2</code>, x<sup>a+b</sup>. &lt;b&gt;"
    )
    assert prose("a / x^(-b)") == "a / x<sup>−b</sup>"
    assert prose("A / x**alpha") == "A / x<sup>α</sup>"
    assert prose("1e-05 of 1.3e9, a1e5 `2e3`") == (
        "10<sup>−5</sup> of 1.3×10<sup>9</sup>, a1e5 <code>2e3</code>"
    )
    assert prose("It falls as D^-1. Then") == "It falls as D<sup>−1</sup>. Then"


def test_numbers_have_one_notation_and_identifiers_are_links():
    assert prose("8.99e+03, -0.5 and 25%") == "8,990, −0.5 and 25\N{NO-BREAK SPACE}%"
    assert prose("alpha_N, C_min, 3.1×10⁸") == "α<sub>N</sub>, C<sub>min</sub>, 3.1×10<sup>8</sup>"
    assert (
        prose("(github.com/a/b_c)") == '(<a href="https://github.com/a/b_c">github.com/a/b_c</a>)'
    )
    assert prose("arXiv:2203.15556") == (
        '<a href="https://arxiv.org/abs/2203.15556">arXiv:2203.15556</a>'
    )


def test_a_verdict_is_explained_and_does_not_repeat_the_interval_beside_it():
    said = verdict("not identified: may be anything from 0.35 to 0.75", beside=True)
    assert re.fullmatch(r'<abbr title="Many values fit [^"]*">not identified</abbr>', said)
    assert "0.35" in verdict("not identified: may be anything from 0.35 to 0.75")
    assert verdict("agrees with theory") == "agrees with theory"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0 s"), (9.94, "9.9 s"), (64.2, "64 s"), (3599, "60 min"), (7200, "2.0 h")],
)
def test_durations(value, text):
    assert seconds(value) == text


def test_a_run_of_two_sweeps_is_paid_once():
    same = {"run_id": "a", "task": "t", "status": "done", "reason": None, "train_cpu_s": 2.0}
    table = pd.DataFrame([same | {"sweep": "x", "code": "c"}, same | {"sweep": "y", "code": "c"}])
    shown = runs(table, ["a"], {"t": "c"})
    assert (shown.count, shown.done, shown.core_seconds) == (1, 1, 2.0)
    assert not shown.lost and not shown.other_code


def test_kernels_that_differ_by_design_are_not_marked():
    """Recurrent models, dropout and loops need PyTorch; runs in closed form have no kernel."""
    kinds = [
        {"model": "transformer", "kernel": "native 1"},
        {"model": "transformer", "kernel": "torch 2.13", "dropout": 0.1},
        {"model": "recurrent_transformer", "kernel": "torch 2.13", "n_loop": 2},
        {"model": "lstm", "kernel": "torch 2.13", "n_loop": 1},
        {"task": "polynomial", "kernel": None},
    ]
    same = {"task": "language", "dropout": 0.0, "n_loop": 1, "status": "done", "reason": None}
    table = pd.DataFrame([same | kind | {"run_id": f"run-{i}"} for i, kind in enumerate(kinds)])
    assert runs(table, [], {}).other_kernel == []
    table.loc[3, "model"] = "transformer"
    assert runs(table, [], {}).other_kernel == [("run-3", "torch 2.13")]


def test_plain_text_of_an_attribute_is_escaped_once():
    assert plain("Kaplan's N^2 < `D`") == "Kaplan's N2 < D"
