#!/usr/bin/env bash
# accelerate 1.15.0: on two processes a schedule of the learning rate ends at half of the steps.
#
# What one believes: with prepare(), a loop of one device does the same on several. A schedule of 12
# steps that is stepped once for each update is at its end after 12 updates.
# What happens: a prepared scheduler steps as many times a call as there are processes, because an
# epoch has so many batches less. A length that is given in updates, as it is where tokens are
# planned, is reached too early. A linear or cosine rate with warm-up is then 0 to the end. Nothing
# is said, and warm-up is as much too short.
# Output seen: a linear decay to 0 over 12 updates. One process: 1.0, .92, .83 ... .08. Two
# processes: 1.0, .83, .67, .50, .33, .17 and six times 0.
# Why it matters for a fit: larger models run on more devices. Of their tokens only the first half
# or eighth trains, and the table has all of them: the loss is too high for its D.
# isoloss: says it where a log has a rate of 0 to the end: test_a_rate_of_zero_to_the_end_is_said in
# tests/logs/test_huggingface.py.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 torch==2.13.0 accelerate==1.15.0
cd "$folder"
cat > train.py <<'PYTHON'
import torch
from accelerate import Accelerator

UPDATES = 12
accelerator = Accelerator(cpu=True)
model = torch.nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0, 1 - step / UPDATES))
data = torch.utils.data.DataLoader(torch.zeros(UPDATES * accelerator.num_processes, 1))
model, optimizer, schedule, data = accelerator.prepare(model, optimizer, schedule, data)
rates = []
for batch in data:
    rates.append(round(optimizer.param_groups[0]["lr"], 2))
    accelerator.backward(model(batch).mean())
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()
if accelerator.is_main_process:
    print(*rates)
PYTHON
export OMP_NUM_THREADS=1
one=$(venv/bin/python -m torch.distributed.run --standalone --nproc_per_node 1 train.py 2>log)
two=$(venv/bin/python -m torch.distributed.run --standalone --nproc_per_node 2 train.py 2>log)
echo "one process: $one"
echo "two processes: $two"
test "$one" = "1.0 0.92 0.83 0.75 0.67 0.58 0.5 0.42 0.33 0.25 0.17 0.08" &&
    test "$two" = "1.0 0.83 0.67 0.5 0.33 0.17 0.0 0.0 0.0 0.0 0.0 0.0" ||
    { echo "the behaviour has changed" >&2; exit 1; }
