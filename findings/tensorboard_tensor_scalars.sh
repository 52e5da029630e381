#!/usr/bin/env bash
# TensorBoard 2.21.0: one loss that was logged in two ways comes back as two curves.
#
# What one believes: EventAccumulator gives the scalars of a run, as TensorBoard shows them.
# What happens: a scalar is stored as a simple value (PyTorch's add_scalar) or as a tensor
# (TensorFlow 2, Keras, add_scalar(new_style=True)). By default the accumulator keeps a random
# sample of each tag: 10,000 of the first kind, and 10 of the second. The second kind is listed
# under "tensors", and Scalars() does not know it.
# Output seen: of 50,000 losses 10,000 and 10 come back. Of the 10, the first is that of step 3,670.
# Why it matters for a fit: a loss curve, an envelope over curves or a critical batch size that is
# measured on 10 random points is another one, and nothing says that points are missing.
# isoloss: reads the files itself, every point of both kinds:
# test_no_point_is_dropped_and_both_kinds_of_scalars_are_read in tests/logs/test_tensorboard.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 tensorboard==2.21.0
cd "$folder"
venv/bin/python -I - <<'PYTHON'
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

writer = EventFileWriter("run")
for step in range(1, 50_001):
    loss = 1.8 + 20 / step**0.5
    simple = Summary(value=[Summary.Value(tag="loss", simple_value=loss)])
    for summary in (simple, scalar_pb("loss_as_tensor", loss)):
        writer.add_event(Event(step=step, wall_time=step, summary=summary))
writer.close()

read = EventAccumulator("run").Reload()
tensors = read.Tensors("loss_as_tensor")
seen = {
    "tags": {kind: read.Tags()[kind] for kind in ("scalars", "tensors")},
    "points of 50,000 from simple values": len(read.Scalars("loss")),
    "points of 50,000 from tensors": len(tensors),
    "first step from simple values": read.Scalars("loss")[0].step,
    "first step from tensors": tensors[0].step,
}
known = {
    "tags": {"scalars": ["loss"], "tensors": ["loss_as_tensor"]},
    "points of 50,000 from simple values": 10_000,
    "points of 50,000 from tensors": 10,
    "first step from simple values": 6,
    "first step from tensors": 3670,
}
for what, value in seen.items():
    print(f"{what}: {value}")
changed = [what for what in known if seen[what] != known[what]]
if changed:
    sys.exit(f"the behaviour has changed: {', '.join(changed)}")
PYTHON
