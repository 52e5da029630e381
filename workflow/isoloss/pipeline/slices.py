"""Each job's slice of the config, as text for the params of its rule."""

import hashlib
import json
import re
import shlex
from collections.abc import Callable, Mapping
from typing import Any

from isoloss.config import exhibits
from isoloss.config.study import Grid, Texts, Trained
from isoloss.errors import UserError, nearest
from isoloss.files import canonical_json, whole, without_tags
from isoloss.pipeline.stacks import Stacks

# The starts of constructs of reStructuredText: inside a line, and at its start.
RST_MARKUP = re.compile(r"([\\*`|_]|^\W)")
HTML_TAG = re.compile(r"<(?=[A-Za-z/!?])")
# Linux passes no argument longer than 128 KiB, and a job's whole command is one.
MOST_BYTES = 120_000


class Workflow(Stacks):
    """A checked config, ready to be run.

    A rule's `params` are strings of canonical JSON, because Snakemake compares params by their
    text: a job is stale when, and only when, the slice that it reads has changed.
    """

    def spec(self, corpus_id: str) -> str:
        """The settings of a corpus."""
        if corpus_id not in self.specs:
            raise UserError("the target", [f"{corpus_id} is not a corpus of any study"])
        return canonical_json(self.specs[corpus_id])

    def corpora_json(self, study: str) -> str:
        """The corpora of a study: name -> identity."""
        return canonical_json(self.corpus_ids.get(study, {}))

    def prediction(self, study: str) -> str:
        """A study's prediction: the laws, the settings of the held-out run, the fitted runs."""
        held = self._held_out(study)
        fits = [
            fit.model_dump(mode="json", exclude_defaults=True)
            for fit in self._study(study).prediction.fits
        ]
        return canonical_json(
            {
                "fits": fits,
                "run_ids": held.run_ids,
                "settings": self.planned(held.run_ids[0]).settings,
                "fitted": held.fitted,
                "lineages": {
                    run_id: trunk.line
                    for run_id in held.fitted
                    if (trunk := self.planned(run_id).trunk)
                },
            }
        )

    def argument(self, text: str, *, write: bool) -> str:
        """A text as an argument of a command: itself, or "@PATH" of a file that holds it.

        Parameters
        ----------
        text : str
        write : bool
            Write the file; without, the path is only named, as for a dry run.

        Raises
        ------
        UserError
            The file could not be written.
        """
        if len(shlex.quote(text).encode()) <= MOST_BYTES:
            return text
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        path = f"{self.config.results}/settings/{name}.json"
        if write and not (self.root / path).exists():
            with whole(self.root / path) as made:
                made.write_text(text, encoding="utf-8")
        return f"@{path}"

    def grid(self, study: str) -> str:
        """The settings and sweeps of a study."""
        found = self._study(study).model_dump(mode="json", include={"settings", "sweeps"})
        for sweep in found["sweeps"].values():
            del sweep["may_diverge"]  # changes no run
        return canonical_json(found)

    def source(self, study: str) -> str:
        """The settings of a study that its tables depend on."""
        found = self._study(study)
        texts = {*Texts.model_fields, "corpora", "prediction"}
        grid = set(Grid.model_fields) if isinstance(found, Trained) else set()
        kept = set(type(found).model_fields) - texts - grid
        return canonical_json(found.model_dump(mode="json", include=kept))

    def fits(self, study: str) -> str:
        """The fits of a study."""
        fits = self._study(study).fits
        return canonical_json([fit.model_dump(mode="json", exclude_defaults=True) for fit in fits])

    def analysis_json(self, study: str, name: str) -> str:
        """The settings of one analysis of a study."""
        return _settings(self._analysis(study, name), "do", canonical_json)

    def analysis_module(self, study: str, name: str) -> str:
        """The module that has the analysis."""
        return exhibits.ANALYSES.get(self._analysis(study, name).do, exhibits.__name__)

    def figure_module(self, study: str, name: str) -> str:
        """The module that has the figure."""
        return exhibits.FIGURES.get(self._figure(study, name).draw, exhibits.__name__)

    def analyses_drawn(self, study: str, name: str) -> list[str]:
        """The tables of the analyses that a figure draws."""
        drawn = self._figure(study, name).analyses_named
        return [self.analysis(study, one) for one in dict.fromkeys(drawn)]

    def figure(self, study: str, name: str) -> str:
        """One figure of a study."""
        # Not with sorted keys: series are drawn in the order in which they are given.
        spec = self._figure(study, name).model_copy(update={"part": ""})  # of the report alone
        return without_tags(_settings(spec, "draw", json.dumps))

    def caption(self, study: str, name: str) -> str:
        """The caption of a figure for Snakemake's own report, with its markup escaped."""
        line = " ".join(self._figure(study, name).caption.split())
        # Snakemake also puts it into a script of its page, where no escape of HTML holds.
        return RST_MARKUP.sub(r"\\\1", HTML_TAG.sub("‹", line))

    def title(self, study: str, name: str) -> str:
        """The title of a figure for the list in Snakemake's own report."""
        # Snakemake would take braces in it for wildcards.
        title = self._figure(study, name).title.translate(str.maketrans("{}", "()"))
        return HTML_TAG.sub("‹", title)

    def _analysis(self, study: str, name: str) -> Any:
        known = self.analyses(study)
        if name not in known:
            problem = f"{study} has no analysis {name!r}{nearest(name, known)}"
            raise UserError("the target", [problem])
        return known[name]

    def _figure(self, study: str, name: str) -> Any:
        figures = {figure.name: figure for figure in self._study(study).figures}
        if name not in figures:
            raise UserError(
                "the target", [f"{study} has no figure {name!r}{nearest(name, figures)}"]
            )
        return figures[name]

    def figure_context(self, study: str) -> str:
        """Settings that a study's figures need beside its tables: fits' variables, known truth."""
        found = self._study(study)
        truth = [found.law, found.parameters] if found.source == "planted" else None
        variables = {fit.name: fit.variables for fit in found.fits}
        return canonical_json({"variables": variables, "truth": truth})

    def texts(self) -> str:
        """The studies' texts for the report, in order, with the names of their figures and fits."""
        said = {"source", "title", "question", "theory", "notes", "errata", "comparison",
                "loss_unit"}  # fmt: skip
        return canonical_json(
            [
                study.model_dump(mode="json", include=said)
                | {
                    "name": name,
                    "figures": [figure.name for figure in study.figures],
                    "parts": {figure.name: exhibits.part_of(figure) for figure in study.figures},
                    "draws": {figure.name: figure.draw for figure in study.figures},
                    "fits": [fit.name for fit in study.fits],
                    "variables": {fit.name: fit.variables for fit in study.fits},
                    "models": _models(study),
                    "analyses": bool(self.analyses_of(name)),
                    "about": {one.name: _about(one) for one in study.analyses},
                }
                for name, study in self.studies.items()
            ]
        )

    def may_diverge(self) -> str:
        """The sweeps of each study whose runs may diverge."""
        return canonical_json(
            {
                name: [sweep for sweep, found in study.sweeps.items() if found.may_diverge]
                for name, study in self.studies.items()
                if isinstance(study, Trained)
            }
        )

    def slices(self) -> dict[str, str]:
        """The parts of a config that commands carry, by the key in a study's file."""
        found = {"the texts of all studies": self.texts()}
        for name, study in self.studies.items():
            found[f"{name}: fits"] = self.fits(name)
            for one in study.analyses:
                found[f"{name}: analyses.{one.name}"] = self.analysis_json(name, one.name)
            for figure in study.figures:
                found[f"{name}: figures.{figure.name}"] = self.figure(name, figure.name)
            if isinstance(study, Trained):
                found[f"{name}: sweeps"] = self.grid(name)
                corpora = self.corpus_ids.get(name, {}).items()
                found |= {f"{name}: corpora.{key}": self.spec(value) for key, value in corpora}
            else:
                found[name] = self.source(name)
        return found


def _models(study: Any) -> list[dict[str, Any]]:
    """The published models that a study's figures place by size and data."""
    found = {
        model.name: model.model_dump(mode="json")
        for figure in study.figures
        if figure.draw == "model_planes"
        for model in figure.models
    }
    return list(found.values())


def _settings(spec: Any, kind: str, write: Callable[[Any], str]) -> str:
    """Settings that are not at their defaults, and the key that names their kind."""
    found = spec.model_dump(mode="json", exclude_defaults=True)
    return write({kind: getattr(spec, kind)} | found)


def _about(spec: Any) -> str:
    """What an analysis does: the first sentence of its settings' docstring."""
    first = (type(spec).__doc__ or "").strip().partition("\n\n")[0]
    return " ".join(first.split())


def too_long(slices: Mapping[str, str]) -> list[str]:
    """The parts of a config, by key, that are longer than a command may be."""
    sizes = {key: len(shlex.quote(text).encode()) for key, text in slices.items()}
    return [
        f"{key}: {size:,} bytes are more than a command can take ({MOST_BYTES:,})"
        for key, size in sizes.items()
        if size > MOST_BYTES
    ]
