#!/usr/bin/env bash
# Snakemake 9.27.1 with snakemake-executor-plugin-slurm 2.8.0: `snakemake -n` imports pandas.
#
# What one believes: a dry run on this machine needs no code of a cluster, so an installed plugin
# costs nothing until `--executor slurm` asks for it.
# What happens: Snakemake imports each installed executor plugin to build its command line, before it
# has read any profile or Snakefile. The plugin for SLURM imports pandas for a report of its
# efficiency, at its top. No option and no profile prevents it.
# Output seen: with the plugin: pandas 123 MB; without: no pandas 90 MB. With the libraries that
# isoloss installs beside, pandas brings more: 66 MB.
# isoloss: docs/performance.md states both, and how to set up without the plugin. Its own share of a
# dry run loads no pandas: test_planning_and_the_command_line_start_without_torch_pandas_and_matplotlib
# of tests/test_imports.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet snakemake==9.27.1 pandas==3.0.0 \
    snakemake-executor-plugin-slurm==2.8.0
cd "$folder"
printf 'rule all:\n    output: "made"\n    shell: "touch made"\n' >Snakefile
cat >dry_run.py <<'PYTHON'
import resource
import sys

from snakemake.cli import main

try:
    main(["--dry-run", "--quiet", "all", "--cores", "1"])
finally:
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print("pandas" if "pandas" in sys.modules else "no pandas", f"{peak_mb:.0f} MB", file=sys.stderr)
PYTHON
with=$(venv/bin/python dry_run.py 2>&1 >/dev/null | grep pandas)
venv/bin/pip uninstall --quiet --yes snakemake-executor-plugin-slurm
without=$(venv/bin/python dry_run.py 2>&1 >/dev/null | grep pandas)
echo "with the plugin: $with; without: $without"
case "$with/$without" in
    pandas*/no\ pandas*) ;;
    *) echo "the behaviour has changed" >&2; exit 1 ;;
esac
