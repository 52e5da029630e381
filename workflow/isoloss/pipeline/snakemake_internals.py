"""All that isoloss uses of Snakemake beyond its documented interface.

A new release of Snakemake may rename any of it. So no other module and no rule touches these
attributes, and `tests/workflow/test_snakemake_internals.py` asks the installed Snakemake for each.
"""

import copy
import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.persistence import MetadataRecord
from snakemake.persistence.file import FilePersistence

# The attributes that the class below and the rules use, by the object that has them. `[...]` is a
# key of a dictionary. The lock files that `isoloss.runtime.folder_lock` removes are tested too.
USED: Mapping[str, tuple[str, ...]] = {
    "workflow": (
        *(
            "config_settings",
            "current_basedir",
            "dag",
            "dag_settings",
            "execution_settings",
            "global_resources",
        ),
        *("group_settings", "is_main_process", "local_exec", "output_settings"),
        *("overwrite_configfiles", "persistence", "remote_exec", "scheduler"),
        *("storage_registry", "storage_settings"),
    ),
    "workflow.config_settings": ("config",),
    "workflow.dag": ("jobs", "needrun_jobs"),
    "workflow.dag_settings": ("target_jobs",),
    "workflow.execution_settings": ("keep_going",),
    "workflow.global_resources": ("[_cores]",),
    "workflow.group_settings": ("group_components",),
    "workflow.output_settings": ("dryrun",),
    "workflow.persistence": (
        *("_clear_cache", "_get_key", "_read_record", "_write_record", "started"),
    ),
    "workflow.scheduler": ("failed", "job_rate_limiter", "job_selector", "resources"),
    "workflow.scheduler.resources": ("[_cores]",),
    "workflow.storage_registry": ("default_storage_provider",),
    "workflow.storage_settings": ("default_storage_prefix", "default_storage_provider"),
    "job": ("log", "output", "priority", "rule", "shellcmd", "wildcards"),
    "job.rule": ("name",),
    "output": ("is_storage", "storage_object"),
    "record": ("input",),
}
# What of a record says whether an output is stale, by our triggers, and when it was made.
RECORDED = (
    *("record_format_version", "rule", "input", "params", "input_checksums"),
    *("starttime", "endtime"),
)
LOCK_ERROR = "LockException"  # in Snakemake's log: another Snakemake has locked the folder


class Snakemake:
    """The Snakemake that reads the rules, with the methods that isoloss needs.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        The object that every Snakefile knows as `workflow`.
    """

    def __init__(self, workflow: Any):
        self._workflow = workflow

    @property
    def config_files(self) -> list[str]:
        """The files of `--configfile`."""
        return [str(path) for path in self._workflow.overwrite_configfiles]

    @property
    def config_options(self) -> dict[str, Any]:
        """The changes of `--config`; in lists and mappings, all values are text."""
        return dict(self._workflow.config_settings.config)

    @property
    def is_main_process(self) -> bool:
        """Whether a user started it, not another Snakemake for one of its jobs."""
        return self._workflow.is_main_process

    @property
    def is_dry_run(self) -> bool:
        """Whether it runs no job."""
        return self._workflow.output_settings.dryrun

    @property
    def is_submitted(self) -> bool:
        """Whether it runs in an allocation of a cluster."""
        return self._workflow.remote_exec

    @property
    def runs_jobs_itself(self) -> bool:
        """Whether its jobs run on this machine, not on one to which it submits them."""
        return self._workflow.local_exec

    @property
    def n_requested_jobs(self) -> int:
        """Number of jobs that the submitting Snakemake has asked this one for."""
        return len(self._workflow.dag_settings.target_jobs)

    @property
    def requested_jobs(self) -> list[str]:
        """The runs and trunks that the submitting Snakemake has asked this one for."""
        jobs = self._workflow.dag_settings.target_jobs
        return [value for job in jobs for value in job.wildcards_dict.values()]

    @property
    def has_storage(self) -> bool:
        """Whether results are in object storage."""
        return self._workflow.storage_settings.default_storage_provider is not None

    def stored(self, path: str, own_connection: bool = False) -> Any:
        """The object in the storage of a path of the project.

        Parameters
        ----------
        path : str
            Relative to the project's folder.
        own_connection : bool
            Whether the object is used in another thread than Snakemake's.
        """
        provider = self._workflow.storage_registry.default_storage_provider
        if own_connection:
            provider = copy.copy(provider)
            provider.__post_init__()  # documented: where a plugin connects
        return provider.object(self._key(path))

    def finished_in_storage(self) -> Iterator[Any]:
        """What the storage has of jobs that need not run, where this machine has no copy."""
        waiting = set(self.unfinished_jobs())
        for job in self._workflow.dag.jobs:
            for path in job.output if job not in waiting else ():
                if path.is_storage and not Path(path).exists():
                    yield path.storage_object

    def _key(self, path: str) -> str:
        """What Snakemake calls a path in its records."""
        if not self.has_storage:
            return path
        prefix = self._workflow.storage_settings.default_storage_prefix
        return f"{prefix.rstrip('/')}/{path}" if prefix else path

    @property
    def group_components(self) -> Mapping[str, int]:
        """The names of `--group-components`, with how many of each share an allocation."""
        return self._workflow.group_settings.group_components

    def unfinished_jobs(self) -> Iterator[Any]:
        """The jobs that must still run."""
        return iter(self._workflow.dag.needrun_jobs())

    def has_made(self, rule: str) -> bool:
        """Whether what was asked for needs a job of a rule, and that job need not run any more."""
        dag = self._workflow.dag
        if dag is None or not any(job.rule.name == rule for job in dag.jobs):
            return False
        return not any(job.rule.name == rule for job in self.unfinished_jobs())

    def failed_jobs(self) -> Collection[Any]:
        """The jobs that have failed."""
        return self._workflow.scheduler.failed

    def mark_incomplete(self, job: Any) -> None:
        """Mark a job's outputs as incomplete until the job has succeeded."""
        self._workflow.persistence.started(job)

    def forget_inputs(self, paths: Sequence[str]) -> None:
        """Forget which files a job read, so that another set of inputs is no reason to rerun it.

        The record stays, without its inputs: Snakemake warns of files that have no record.

        Parameters
        ----------
        paths : list of str
            All outputs of one job.
        """
        persistence = self._workflow.persistence
        paths = [self._key(path) for path in paths]
        first = persistence._read_record(paths[0])
        if first is None or first.input is None:
            return  # forgotten before: the first is written last
        for path in reversed(paths):
            record = persistence._read_record(path)
            if record is not None and record.input is not None:
                record.input = None
                persistence._write_record(path, record)

    def records(self, without: Collection[str]) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """What each finished job has made, and Snakemake's record of it.

        Parameters
        ----------
        without : collection of str
            Rules that are left out.

        Yields
        ------
        list of str, dict
            The outputs of a job, and the record of the first one.
        """
        waiting = set(self.unfinished_jobs())
        persistence = self._workflow.persistence
        persistence._clear_cache()  # it may hold what was there before the last job
        for job in self._workflow.dag.jobs:
            if job in waiting or job.rule.name in without or not job.output:
                continue
            found = [persistence._read_record(persistence._get_key(path)) for path in job.output]
            parts = [one and {name: one[name] for name in RECORDED} for one in found]
            if all(parts) and all(one["params"] == parts[0]["params"] for one in parts):
                yield [str(path) for path in job.output], parts[0]

    def disable_rate_limit(self) -> None:
        """Remove the limit of jobs a second, where jobs run on this machine.

        With the limit, Snakemake 9.27 starts a timer at each search for ready jobs. The timer
        starts another search after a second, and so on without end. After hundreds of jobs,
        Snakemake does nothing but search.
        """
        if self.runs_jobs_itself:
            self._workflow.scheduler.job_rate_limiter = None

    def look_at_first(self, most: int) -> None:
        """Let a search for ready jobs look at those of the highest priority, where jobs run here.

        Snakemake 9.27 looks at all jobs that are ready, each time that one has ended. For thousands
        of short jobs that takes longer than they do. Where none of the first can run, it looks at
        all of them.

        Parameters
        ----------
        most : int
            How many jobs to look at; many more than run at a time.
        """
        if not self.runs_jobs_itself:
            return
        scheduler = self._workflow.scheduler
        select = scheduler.job_selector

        def selected(jobs: Collection[Any]) -> Collection[Any]:
            if len(jobs) <= most:
                return select(jobs)
            if not scheduler.resources["_cores"]:
                return []
            return select(heapq.nlargest(most, jobs, key=_priority)) or select(jobs)

        scheduler.job_selector = selected

    def keep_going(self) -> None:
        """Let the other jobs go on when one fails."""
        self._workflow.execution_settings.keep_going = True

    def limit_cores(self, cores: int) -> None:
        """Run at most as many jobs at a time as there are cores."""
        self._workflow.global_resources["_cores"] = cores

    def put_groups_into_one_step(self, groups: Iterable[str]) -> None:
        """Run all jobs of an allocation in one step of it."""
        self._workflow.group_settings.group_components = dict.fromkeys(groups, 10**6)


class FileRecords:
    """Snakemake's records in `.snakemake`, before Snakemake itself has opened them."""

    def __init__(self) -> None:
        self._files = FilePersistence()

    def has(self, path: str) -> bool:
        """Whether there is a record of an output."""
        return self._files._read_record(path) is not None

    def put(self, path: str, record: Mapping[str, Any]) -> None:
        """Write the record of an output."""
        self._files._write_record(path, MetadataRecord(**record))

    def count_as_whole(self, paths: Collection[str]) -> None:
        """Take the marks of incomplete outputs from those that are there."""
        for path in sorted(self._files._filter_incomplete_keys(paths)):
            if Path(path).exists():
                self._files._unmark_incomplete(path)


def _priority(job: Any) -> int:
    return job.priority


def repeated_config_file(argv: Sequence[str]) -> str:
    """What a user is told who gives `--configfile` twice; "" for any other command.

    Snakemake would read only the last, without a word.
    """
    given = [one.partition("=")[0] for one in argv if one.startswith("--configfile")]
    if len(given) < 2:
        return ""
    return (
        "--configfile is given twice, and Snakemake would read only the last."
        " Give all files after one: --configfile A.yaml B.yaml (B changes A)"
    )


def terminal_handler(settings: Any, stream: TextIO) -> Any:
    """The log handler that Snakemake uses where no plugin takes its place.

    Parameters
    ----------
    settings : snakemake_interface_logger_plugins.settings.OutputSettingsLoggerInterface
        Output settings of the command line.
    stream : text file
        The file that the handler writes to.
    """
    quiet = settings.quiet or set()
    handler = ColorizingTextHandler(nocolor=settings.nocolor, stream=stream)
    handler.setFormatter(DefaultFormatter(quiet, settings.show_failed_logs))
    handler.addFilter(
        DefaultFilter(
            quiet,
            settings.debug_dag,
            settings.verbose,
            settings.dryrun,
            settings.printshellcmds,
        )
    )
    return handler
