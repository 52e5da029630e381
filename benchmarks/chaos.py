"""End processes of a workflow at random moments, and compare with a workflow left alone.

    python benchmarks/chaos.py [--kills 100] [--steps 200000] [--seed 0] [--out FILE]

MLPs, trunks of transformers, cooldowns and data-limited runs by the kernel of isoloss, and a run
with dropout by PyTorch. What is ended: training jobs, many of
them while they write a checkpoint, the worker pool, and Snakemake. By what: SIGKILL, a limit on
memory, and a full disk (by root alone, who can mount one). Ten seconds later, nothing may be left
of what the ended process had started. At the end the losses, the learning curves and the fits must
be the same to the last bit.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "workflow")]

from tests.survival import chaos  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--steps", type=int, default=200_000, help="of the longest cooldown")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the victims")
    parser.add_argument("--out", type=Path, help="a JSON file for the tally")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chaos.own_disk(Path(folder) / "disturbed"):
        calm = chaos.project(Path(folder) / "calm", arguments.steps)
        calm.jobs()
        disturbed = chaos.project(Path(folder) / "disturbed", arguments.steps)
        monkey = chaos.Monkey(disturbed, arguments.seed)
        monkey.run(arguments.kills)
        differences = chaos.differences(calm, disturbed)
        tally = {
            "ended": sum(monkey.ends.values()),
            "of what, by what": {", ".join(key): n for key, n in sorted(monkey.ends.items())},
            "training jobs": dict(sorted(monkey.kinds.items())),
            "while writing a checkpoint": monkey.during_a_write,
            "orphans": monkey.orphans,
            "the last process ended after, in seconds": round(monkey.slowest_s, 1),
            "compared": chaos.counted(calm),
            "different": differences,
        }
    print(json.dumps(tally, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(tally, indent=1) + "\n")
    enough = tally["ended"] >= arguments.kills
    if not enough:
        print("The runs finished before there were enough ends: --steps more", file=sys.stderr)
    return int(bool(differences or monkey.orphans) or not enough)


if __name__ == "__main__":
    sys.exit(main())
