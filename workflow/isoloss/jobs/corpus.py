"""The job that prepares a corpus."""

import argparse
import json
from pathlib import Path

from isoloss.corpus.prepare import prepare


def main(argv: list[str]) -> None:
    """Prepare the corpus that the arguments describe."""
    parser = argparse.ArgumentParser(prog="isoloss.runtime.job corpus", description=__doc__)
    parser.add_argument("--spec", required=True, help="JSON, as in a study's corpora")
    parser.add_argument("--corpus-id", required=True, help="its identity in the plan")
    parser.add_argument("--downloads", required=True, help="folder that keeps downloads")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args(argv)
    prepare(
        json.loads(arguments.spec),
        Path.cwd(),
        arguments.out,
        expected_id=arguments.corpus_id,
        downloads=arguments.downloads,
    )
