#!/usr/bin/env bash
# lm-eval 0.4.13: bits_per_byte of WikiText are not of the bytes that the model was given.
#
# What one believes: bits_per_byte is the loss of a text in bits, divided by the bytes of this text,
# so that it compares across tokenizers and with another tool's bits a byte.
# What happens: WikiText has blanks round its punctuation, and " @-@ " for a hyphen. The task takes
# them out for the model, and divides by the bytes, for perplexity by the words, of the page as it
# was. The French WikiText does the same.
# Output seen: a model that spends one bit on each byte. A page in the form of WikiText has 0.934
# bits a byte, and the text that was made of it for the model has 1.0.
# Why it matters for a fit: E and A are too small by this share beside losses of the same text that
# another tool measured, and tokens x loss in nats is not bytes x bits x ln 2.
# isoloss: says that bits a byte are of the task's own text, and by what WikiText's are divided:
# test_bytes_of_wikitext_are_those_before_it_was_made_plain in tests/logs/test_lm_eval.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet lm-eval==0.4.13 numpy==2.4.6
cd "$folder"
export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1
venv/bin/python -I - 2>log <<'PYTHON' || { cat log >&2; exit 1; }
import json
import math
import sys
from pathlib import Path

import lm_eval
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

PAGE = (
    " = Ladders of models = \n\n In the spring of that year the group trained a ladder of ten small"
    " models , and fitted a law to the losses that it measured on held @-@ out text . The largest of"
    " them had 1 @.@ 2 billion parameters and saw 24 billion tokens , which took nine days . A model"
    " of ten times the size , it said , would reach a loss of 2 @.@ 41 nats ; the one that was then"
    " trained had 2 @.@ 43 nats . \n\n = = Reception = = \n\n Others repeated the fit with the runs that the"
    " group had published , and found the same exponents ( with intervals twice as wide ) . \n"
)
TASK = """
include: {wikitext}
task: here
dataset_path: json
dataset_name: null
dataset_kwargs: {{data_files: {{test: page.jsonl}}}}
training_split: null
validation_split: null
"""


class OneBit(LM):
    """Each byte of the text that it is given costs one bit."""

    def loglikelihood_rolling(self, requests):
        self.given = requests[0].args[0]
        return [-math.log(2) * len(one.args[0].encode()) for one in requests]

    def loglikelihood(self, requests):
        raise NotImplementedError

    generate_until = loglikelihood


def evaluated(page):
    """Bits a byte of a page, and the text that the model was given."""
    Path("page.jsonl").write_text(json.dumps({"page": page}) + "\n")
    Path("tasks").mkdir(exist_ok=True)
    wikitext = Path(lm_eval.__file__).parent / "tasks" / "wikitext" / "wikitext.yaml"
    Path("tasks/here.yaml").write_text(TASK.format(wikitext=wikitext))
    tasks = TaskManager(include_path="tasks", include_defaults=False)
    model = OneBit()
    found = lm_eval.simple_evaluate(model, tasks=["here"], task_manager=tasks, bootstrap_iters=0)
    return round(found["results"]["here"]["bits_per_byte,none"], 3), model.given


bits, given = evaluated(PAGE)
seen = {"of the page": bits, "of what the model was given": evaluated(given)[0]}
known = {"of the page": 0.934, "of what the model was given": 1.0}
for what, value in seen.items():
    print(f"bits a byte {what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
