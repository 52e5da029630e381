#!/usr/bin/env bash
# Aim 3.29.1: a run that was closed has no metrics, until the program `aim up` has seen it.
#
# What one believes: what Run.track() wrote before Run.close() is there for the library to read.
# What happens: reading goes to an index, and only `aim up` and `aim storage reindex` fill it.
# Repo.list_all_runs() names the run, Repo.iter_runs() does not, and the run has no metrics.
# Output seen: 1 run by its name, 0 by iteration, 0 metrics; without the index 3 losses.
# Why it matters for a fit: a script that exports losses from a cluster, where no `aim up` runs,
# leaves out new runs without a word, and those are the largest.
# isoloss: test_what_aim_writes_is_read_and_nothing_is_written_into_it in tests/logs/test_aim.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet aim==3.29.1 pandas==3.1.1
cd "$folder"
venv/bin/python -I - <<'PYTHON'
import aim

aim.Repo.from_path(".", init=True)
run = aim.Run(repo=".", log_system_params=False, system_tracking_interval=None)
for step in (10, 20, 30):
    run.track(3.0 - step / 100, name="loss", step=step, context={"subset": "val"})
run.close()
PYTHON
cat > count.py <<'PYTHON'
import aim

repo = aim.Repo(".")
named = repo.list_all_runs()
(run,) = (aim.Run(name, repo=repo, read_only=True) for name in named)
losses = [len(metric.dataframe()) for metric in run.metrics()]
print(len(named), "by name,", len(list(repo.iter_runs())), "by iteration, losses:", *losses or [0])
PYTHON
closed=$(venv/bin/python -I count.py)
rm -r .aim/meta/index
without=$(venv/bin/python -I count.py)
echo "a closed run: $closed"
echo "without the index: $without"
case $closed in *"0 by iteration, losses: 0") ;; *) exit 1 ;; esac
case $without in *"losses: 3") ;; *) exit 1 ;; esac
