#!/usr/bin/env bash
# Snakemake 9.27.1: after a kill, a command ends well without the file that it was asked for.
#
# What one believes: `snakemake c` with exit code 0 means that c is there. A job that was killed runs
# again (--rerun-incomplete), and what waits for it runs after it.
# What happens: if the killed job had written its output, and the next job takes that output as
# ancient(), then the killed job alone is planned. Jobs whose outputs are missing are passed over, the
# target's too. The command says "1 of 1 steps (100%) done". The next command makes the rest.
# Output seen: exit code 0, a is there, b and c are not; after a second command all are.
# Why it matters here: a training is costly, so pipelines take checkpoints as ancient(). After a
# preemption, a script goes on to fit what was never trained.
# isoloss: counts a trunk that is whole as finished before jobs are planned:
# test_a_trunk_that_was_whole_when_snakemake_was_killed_does_not_hide_its_runs of
# tests/workflow/test_trunk_jobs.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet snakemake==9.27.1
cd "$folder"
cat >Snakefile <<'RULES'
rule c:
    input: "b"
    output: "c"
    shell: "cp b c"
rule b:
    input: ancient("a")
    output: "b"
    shell: "cp a b"
rule a:
    output: "a"
    shell: "echo trained > a; test -e resumed || sleep 60"
RULES
snakemake() { venv/bin/python -m snakemake --cores 1 --quiet all "$@"; }
setsid venv/bin/python -m snakemake --cores 1 --quiet all &
until test -s a; do sleep 0.1; done
sleep 0.5
kill -9 -- "-$!"
wait "$!" || true
touch resumed
snakemake --unlock
code=0
snakemake --rerun-incomplete || code=$?
after_one=$(echo [abc])
snakemake --rerun-incomplete
after_two=$(echo [abc])
echo "exit code $code, then there are: $after_one; after a second command: $after_two"
test "$code, $after_one, $after_two" = "0, a, a b c" ||
    { echo "the behaviour has changed" >&2; exit 1; }
