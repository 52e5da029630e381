"""Read a project's files, check everything and plan it, before any job starts.

The Snakefile and all commands use this module alone for that.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from isoloss import extensions
from isoloss.config.load import parse_config, read_config, whole_studies
from isoloss.config.study import Planted, Study, Table, Trained
from isoloss.corpus.fingerprint import resolve
from isoloss.corpus.registry import registered_names, registry_path
from isoloss.corpus.sources.base import NotAtHand
from isoloss.corpus.spec import read_spec
from isoloss.errors import UserError
from isoloss.native import build
from isoloss.pipeline import published
from isoloss.pipeline.config_names import unknown_names
from isoloss.pipeline.paths import OtherText, known_corpus
from isoloss.pipeline.published import PublishedTexts
from isoloss.pipeline.slices import Workflow, too_long
from isoloss.plan.grid import named_corpora
from isoloss.plan.plan import KnownCorpus, make_plan
from isoloss.runs.imported import path_problems
from isoloss.runs.published import Published
from isoloss.tasks import planted
from isoloss.tasks.kernel import NATIVE


def read_project(
    root: str | Path,
    configfiles: Iterable[str | Path] = (),
    changes: Mapping[str, Any] | None = None,
    *,
    corpora_needed: bool = True,
) -> Workflow:
    """Read a project's config, check everything and plan it.

    Parameters
    ----------
    root : path
        The project's folder: its config is config/config.yaml, its studies are config/studies/.
    configfiles, changes
        Changes by the command line, as for `isoloss.config.load.read_config`.
    corpora_needed : bool
        Refuse corpora whose text is not on this machine. Otherwise, such corpora are planned as if
        they had enough text, and listed in `not_at_hand`; the plan's cost can then be counted, but
        the plan cannot run.

    Raises
    ------
    UserError
        The error lists the problems of the config, the studies and the corpora.
    """
    config = read_config(root, configfiles, changes)
    return load_project(config, root, corpora_needed=corpora_needed)


def load_project(
    value: dict[str, Any], root: str | Path, *, corpora_needed: bool = True
) -> Workflow:
    """Check and plan a project as `read_project` does, from the content `value` of its config."""
    root = Path(root)
    config = parse_config(value)
    _check_kernel(config.kernel)
    extensions.load(config.extensions, root)
    studies, problems = whole_studies(config, root / "config" / "studies")
    studies_published = published.read_all(config.published, root)
    corpora = _Corpora(
        root, root / config.results / "corpora", needed=corpora_needed, published=studies_published
    )
    for name, study in studies.items():
        found = [*_study_problems(study, root), *corpora.add(name, study)]
        problems += [f"{name}: {problem}" for problem in found]
    if problems:
        raise UserError("the studies", problems)
    made = Workflow(
        root=root,
        config=config,
        studies=studies,
        plan=make_plan(studies, corpora.known, config.budget),
        corpora={c.corpus_id: c for known in corpora.known.values() for c in known.values()},
        specs=corpora.specs,
        corpus_ids={
            study: {name: corpus.corpus_id for name, corpus in known.items()}
            for study, known in corpora.known.items()
        },
        not_at_hand=corpora.not_at_hand,
        published=studies_published,
        other_texts=corpora.other_texts,
    )
    made.to_restore.update(published.to_restore(made))
    if problems := too_long(made.slices()):
        raise UserError("the studies", problems)
    return made


def _check_kernel(kernel: str) -> None:
    """Refuse the native kernel where there is none.

    Raises
    ------
    UserError
        The config asks for it.
    """
    if kernel == NATIVE and build.library() is None:
        problem = (
            f"kernel: native, but there is no native kernel here: {build.why_not()}. `auto` lets"
            " PyTorch train instead"
        )
        raise UserError("the config", [problem])


def _study_problems(study: Study, root: Path) -> list[str]:
    """Problems of a study beside those of its keys and its runs."""
    problems = unknown_names(study)
    if isinstance(study, Table):
        problems += path_problems(study.path, root)
    if isinstance(study, Planted):
        problems += planted.problems(study)
    return problems


class _Corpora:
    """The corpora that studies name, collected one study after the other."""

    def __init__(
        self, root: Path, prepared: Path, *, needed: bool, published: Iterable[Published] = ()
    ):
        self.root, self.prepared, self.needed = root, prepared, needed
        self.published = PublishedTexts(published)
        self.other_texts: dict[str, OtherText] = {}
        self.known: dict[str, dict[str, KnownCorpus]] = {}  # study -> name -> facts for the plan
        self.specs: dict[str, dict[str, Any]] = {}  # identity -> settings
        self.not_at_hand: dict[str, str] = {}

    def add(self, name: str, study: Study) -> list[str]:
        """Resolve the corpora of a study; return problems of the corpora or of its runs."""
        if not isinstance(study, Trained):
            return []
        known = self.known[name] = {}
        try:
            wanted = _corpora_of(study, self.root)
        except UserError as error:
            return list(error.problems)
        problems = []
        for corpus, spec in wanted.items():
            where = f"{'corpora.' if corpus in study.corpora else 'corpus '}{corpus}"
            try:
                known[corpus] = self._look_at(corpus, spec, where)
            except UserError as error:
                problems += [f"{error.where}: {problem}" for problem in error.problems]
                continue
            self.specs[known[corpus].corpus_id] = spec
        return problems

    def _look_at(self, name: str, spec: dict[str, Any], where: str) -> KnownCorpus:
        checked = read_spec(spec, self.root, where=where)
        known = self.published.of(checked)
        try:
            found = resolve(spec, self.root, where=where)
        except NotAtHand as error:
            if known:
                self.other_texts[known.corpus_id] = self.published.missing(known, error)
                return known
            if self.needed:
                raise
            self.not_at_hand[name] = error.problems[0]
            size = checked.tokenizer.vocab_size
            return KnownCorpus(f"{name}-unknown", vocab_size=size or KnownCorpus.vocab_size)
        if known and known.corpus_id != found.corpus_id:
            self.other_texts[known.corpus_id] = self.published.other(known, found)
            return known
        return known_corpus(found, self.prepared / found.corpus_id)


def _corpora_of(study: Trained, root: Path) -> dict[str, dict[str, Any]]:
    """The settings of the corpora that a study's runs name: the study's own, or registered ones.

    Raises
    ------
    UserError
        Impossible settings, an unknown name.
    """
    names = registered_names(root) if registry_path(root).exists() else []
    registered = {name: {"kind": "registered", "name": name} for name in names}
    known = registered | study.corpora
    return {name: known[name] for name in named_corpora(study, known)}
