#!/usr/bin/env bash
# NumPy 2.4.6: argsort orders equal losses by the processor's instruction set.
#
# What one believes: the same array and the same NumPy give the same argsort on every machine.
# What happens: the default sort is not stable, and each instruction set has its own. From a few
# rows on, their orders of equal values differ. The names that switch a set off are now X86_V3 and
# X86_V4. The older AVX2 and AVX512_SKX do nothing, and Python hides the ImportWarning that says so.
# Output seen: 40 losses to one decimal, five of them 2.6, the lowest. With AVX2 these five come in
# order 36 37 38 39 35. Without it the first five are 39 35 38 37 36. kind="stable" gives 35 to 39.
# Why it matters for a fit: losses are rounded in most logs. The best k runs, a resampling by rank
# and folds after a sort are then other rows on another node of a cluster, with the same seed.
# isoloss: sorts with kind="stable": test_every_sort_with_ties_is_stable in tests/test_stable_sorts.py.
# This needs an x86 processor with AVX2, and says so on another.
set -euo pipefail
if ! grep -qw avx2 /proc/cpuinfo; then
    echo "cannot be seen here: needs an x86 processor with AVX2"
    exit 2
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
cd "$folder"
venv/bin/python -I - <<'PYTHON'
import os
import subprocess
import sys

ORDER = """
import numpy as np
losses = np.round(3 - np.arange(40) / 100, 1)
print(*np.argsort(losses)[:5], "| stable:", *np.argsort(losses, kind="stable")[:5])
"""


def order(without):
    done = subprocess.run(
        [sys.executable, "-I", "-c", ORDER], env=os.environ | {"NPY_DISABLE_CPU_FEATURES": without},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip() + (" | said: " + done.stderr if done.stderr else "")


seen = {f"without {without or 'nothing'}": order(without) for without in ("", "AVX2", "X86_V3")}
known = {
    "without nothing": "36 37 38 39 35 | stable: 35 36 37 38 39",
    "without AVX2": "36 37 38 39 35 | stable: 35 36 37 38 39",
    "without X86_V3": "39 35 38 37 36 | stable: 35 36 37 38 39",
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
