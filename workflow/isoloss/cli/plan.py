"""Print the cost of the studies: runs, compute, time, memory and disk. Nothing is trained.

isoloss plan --configfile config/paper.yaml --utilisation 0.3

Compute is counted exactly. CPU time is based on steps of some models, timed now on a core of this
machine; GPU time is assumed. Runs and trunks that several studies share are counted once.
"""

import argparse
import json
from collections.abc import Iterable, Mapping
from typing import Any

from isoloss.config.study import Config
from isoloss.errors import UserError

DEVICES = {"cpu": "cpu", "mps": "cpu", "cuda": "gpu", "auto": "cpu"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `isoloss plan`."""
    parser.add_argument(
        "--configfile",
        nargs="+",
        default=[],
        help="as for snakemake: changes to config/config.yaml",
    )
    parser.add_argument(
        "--machine", choices=("cpu", "gpu"), help="what trains (default: the config's device)"
    )
    parser.add_argument(
        "--utilisation", type=float, metavar="SHARE", help="of the GPU's peak (default: 0.25)"
    )
    parser.add_argument(
        "--peak-flops",
        type=float,
        metavar="FLOP/S",
        help="of the GPU, in bfloat16 (default: 989e12, an H100)",
    )
    parser.add_argument(
        "--cores", type=int, metavar="N", help="also the time on so many cores, or GPUs"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")


def run(arguments: argparse.Namespace) -> int:
    """Print the cost of the plan."""
    from isoloss.cli.costs import jobs_of, needed_by
    from isoloss.pipeline.project import read_project

    project = read_project(".", arguments.configfile, corpora_needed=False)
    plan = project.plan
    if not plan.runs:
        raise UserError("the plan", ["no study of the config trains anything"])
    jobs = jobs_of(plan, {c.corpus_id: c.vocab_size for c in project.corpora.values()})
    machine = _machine(arguments, project.config, jobs.values())
    seconds = {job_id: machine.seconds(job) for job_id, job in jobs.items()}

    def summary(run_ids: Iterable[str]) -> dict[str, Any]:
        return _summary(plan, jobs, seconds, machine, list(dict.fromkeys(run_ids)), needed_by)

    result = {
        "machine": str(machine),
        "unit": machine.unit,
        "corpora_not_at_hand": project.not_at_hand,
        "studies": {
            study: {
                "sweeps": {
                    sweep: summary(run_id for s, run_id in members if s == sweep)
                    for sweep in dict(members)
                },
                "total": summary(run_id for _, run_id in members),
            }
            for study, members in plan.members.items()
        },
        "total": summary(plan.runs),
        "stacks": [len(job_ids) for job_ids in project.stacks.values()],
    }
    if arguments.cores:
        total = result["total"]
        hours = max(total["hours"] / arguments.cores, total["longest_hours"])
        result |= {"cores": arguments.cores, "wall_clock_hours": hours}
    print(json.dumps(result, allow_nan=False) if arguments.json else _text(result))
    return 0


def _machine(arguments: argparse.Namespace, config: Config, jobs):
    from isoloss.cli.machines import Gpu, measure
    from isoloss.plan.gpu import GpuSpeed

    given = {"utilisation": arguments.utilisation, "peak_flops": arguments.peak_flops}
    given = {name: value for name, value in given.items() if value is not None}
    problems = [
        f"--{name.replace('_', '-')} {value:g}: must be positive"
        for name, value in given.items()
        if not value > 0
    ]
    if given.get("utilisation", 1) > 1:
        problems.append(f"--utilisation {given['utilisation']:g}: must be at most 1")
    if arguments.cores is not None and arguments.cores < 1:
        problems.append(f"--cores {arguments.cores}: must be at least 1")
    kind = arguments.machine or DEVICES[config.device]
    if kind == "cpu" and given:
        problems += [
            f"--{name.replace('_', '-')}: is for a GPU; add --machine gpu" for name in given
        ]
    if problems:
        raise UserError("arguments", problems)
    return measure(jobs, config.kernel) if kind == "cpu" else Gpu(GpuSpeed(**given))


def _summary(plan, jobs, seconds: Mapping[str, float], machine, run_ids: list[str], needed_by):
    needed = [jobs[job_id] for job_id in needed_by(plan, run_ids)]
    whole = {
        run_id: seconds[run_id] + sum(seconds[trunk] for trunk in plan.chain(plan.runs[run_id]))
        for run_id in run_ids
    }
    longest = max(whole, key=whole.get)
    largest = max(needed, key=lambda job: job.memory_bytes(mixed=machine.mixed))
    return {
        "runs": len(run_ids),
        "jobs": len(needed),
        "flops": sum(job.cost.flops for job in needed),
        "flops_if_alone": sum(plan.runs[run_id].whole_flops for run_id in run_ids),
        "hours": sum(machine.occupied_s(job) for job in needed) / 3600,
        "disk_bytes": sum(job.disk_bytes for job in needed),
        "memory_bytes": largest.memory_bytes(mixed=machine.mixed),
        "largest": largest.job_id,
        "longest_hours": whole[longest] / 3600,
        "longest": longest,
    }


def _text(result: dict[str, Any]) -> str:
    from isoloss.cli import texts

    unit = result["unit"]
    rows = [["", "runs", "FLOP", "if each alone", unit, "longest run", "memory", "disk"]]
    for study, found in result["studies"].items():
        rows += [_row(f"{study} {sweep}", one) for sweep, one in found["sweeps"].items()]
        rows.append(_row(f"{study}, all", found["total"]))
    rows.append(_row("all studies", result["total"]))
    total = result["total"]
    lines = [
        texts.columns(rows),
        "",
        f"{unit}: {result['machine']}",
        f"longest run: {total['longest']}",
        f"largest memory: {_bytes(total['memory_bytes'])}, {total['largest']}",
        "FLOP: counted exactly, what runs share once; a run that two sweeps want is in both rows",
        "memory: of a job that computes a whole batch at once, as they do",
        "disk: what stays; a job that is not finished keeps 12 bytes a parameter",
    ]
    if "cores" in result:
        word = "GPUs" if unit == "GPU-hours" else "cores"
        lines.append(f"on {result['cores']} {word}: {_hours(result['wall_clock_hours'])} at least")
    if sizes := result["stacks"]:
        lines.append(
            f"side by side: {sum(sizes)} of {total['jobs']} jobs in {len(sizes)} stacks of"
            f" {min(sizes)} to {max(sizes)}; {unit} count each alone"
        )
    lines += [
        f"not at hand: the corpus {name}, so its size is not checked ({problem})"
        for name, problem in result["corpora_not_at_hand"].items()
    ]
    return "\n".join(lines)


def _row(name: str, one: dict[str, Any]) -> list[str]:
    return [
        name,
        f"{one['runs']:,}",
        f"{one['flops']:.3g}",
        f"{one['flops_if_alone']:.3g}",
        f"{one['hours']:,.3g}",
        _hours(one["longest_hours"]),
        _bytes(one["memory_bytes"]),
        _bytes(one["disk_bytes"]),
    ]


def _hours(hours: float) -> str:
    """A time as text, in seconds, minutes, hours or days."""
    for unit, length in (("d", 24.0), ("h", 1.0), ("min", 1 / 60)):
        if hours >= 2 * length:
            return f"{hours / length:,.3g} {unit}"
    return f"{hours * 3600:.2g} s"


def _bytes(n: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n / 1e3:.3g} kB"
