"""Check a config and plan it, before any job starts."""

from pathlib import Path
from typing import Any

from isoloss.config.load import load_studies, parse_config
from isoloss.config.study import Planted, Trained
from isoloss.corpus.fingerprint import Resolved, resolve
from isoloss.corpus.registry import registered_names, registry_path
from isoloss.errors import UserError
from isoloss.pipeline import limits
from isoloss.pipeline.config_names import unknown_names
from isoloss.pipeline.paths import known_corpus
from isoloss.pipeline.slices import Workflow
from isoloss.plan.grid import named_corpora
from isoloss.plan.plan import make_plan
from isoloss.tasks import planted


def load_project(value: dict[str, Any], root: str | Path) -> Workflow:
    """Check everything and plan it.

    Parameters
    ----------
    value : dict
        The content of config/config.yaml, with what the command line changed.
    root : path
        The project's folder.

    Raises
    ------
    UserError
        Anything that is wrong, before any job starts.
    """
    root = Path(root)
    config = parse_config(value)
    studies = load_studies(config, root / "config" / "studies")
    specs, problems = {}, []
    resolved: dict[str, dict[str, Resolved]] = {}
    for name, study in studies.items():
        problems += [f"{name}: {problem}" for problem in unknown_names(study)]
        problems += [f"{name}: {problem}" for problem in limits.table_problems(study, root)]
        if isinstance(study, Planted):
            problems += [f"{name}: {problem}" for problem in planted.problems(study)]
        if not isinstance(study, Trained):
            continue
        resolved[name] = {}
        try:
            wanted = corpora_of(study, root)
        except UserError as error:
            problems += [f"{name}: {problem}" for problem in error.problems]
            continue
        for corpus, spec in wanted.items():
            own = "corpora." if corpus in study.corpora else "corpus "
            try:
                found = resolve(spec, root, where=f"{own}{corpus}")
            except UserError as error:
                problems += [f"{name}: {error.where}: {problem}" for problem in error.problems]
                continue
            resolved[name][corpus] = found
            specs[found.corpus_id] = spec
    if problems:
        raise UserError("the studies", problems)
    known = {
        study: {
            name: known_corpus(found, root / config.results / "corpora" / found.corpus_id)
            for name, found in corpora.items()
        }
        for study, corpora in resolved.items()
    }
    plan = make_plan(studies, known, config.budget)
    made = Workflow(
        root=root,
        config=config,
        studies=studies,
        plan=plan,
        corpora={r.corpus_id: r for corpora in resolved.values() for r in corpora.values()},
        specs=specs,
        corpus_ids={
            study: {name: found.corpus_id for name, found in corpora.items()}
            for study, corpora in resolved.items()
        },
    )
    if problems := limits.too_long(made.slices()):
        raise UserError("the studies", problems)
    return made


def corpora_of(study: Trained, root: Path) -> dict[str, dict[str, Any]]:
    """The settings of the corpora that a study's runs name: its own, else registered ones.

    Raises
    ------
    UserError
        Impossible settings, an unknown name.
    """
    names = registered_names(root) if registry_path(root).exists() else []
    registered = {name: {"kind": "registered", "name": name} for name in names}
    known = registered | study.corpora
    return {name: known[name] for name in named_corpora(study, known)}
