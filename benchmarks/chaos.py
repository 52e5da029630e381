"""Kill training jobs with SIGKILL at random moments, and compare with a workflow never killed.

    python benchmarks/chaos.py [--kills 30] [--steps 6000] [--seed 0] [--out FILE]

MLPs, trunks of transformers, cooldowns and data-limited runs; half of the kills while a checkpoint
is being written; and after each ten, Snakemake itself with all that it runs. At the end the losses,
the learning curves and the fits must be the same to the last bit.
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
    parser.add_argument("--kills", type=int, default=30, help="of training jobs")
    parser.add_argument("--steps", type=int, default=6000, help="of the longest transformers")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the victims")
    parser.add_argument("--out", type=Path, help="a JSON file for the tally")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        calm = chaos.project(Path(folder) / "calm", arguments.steps)
        calm.jobs()
        disturbed = chaos.project(Path(folder) / "disturbed", arguments.steps)
        monkey = chaos.Monkey(disturbed, arguments.seed)
        monkey.run(arguments.kills)
        differences = chaos.differences(calm, disturbed)
        tally = {
            "kills of training jobs": sum(monkey.of_jobs().values()),
            "of them": dict(sorted(monkey.of_jobs().items())),
            "while writing a checkpoint": monkey.kills["during a write"],
            "kills of snakemake and all that it runs": monkey.kills["snakemake"],
            "compared": chaos.counted(calm),
            "different": differences,
        }
    print(json.dumps(tally, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(tally, indent=1) + "\n")
    enough = tally["kills of training jobs"] >= arguments.kills
    if not enough:
        print("The runs ended before there were enough kills: --steps more", file=sys.stderr)
    return int(bool(differences) or not enough)


if __name__ == "__main__":
    sys.exit(main())
