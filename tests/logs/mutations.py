"""Logs that somebody has spoilt: cut off, with flipped bytes, lines lost or doubled, or NaN."""

from hypothesis import strategies as st
from tests.logs import events
from tests.logs.test_dvclive import write
from tests.logs.test_huggingface import GPT2, losses, state
from tests.logs.test_lm_eval import NAME, results
from tests.logs.test_mlflow import database, files
from tests.logs.test_printed_logs import LOGS
from tests.logs.test_wandb import END, FIRST, HISTORY, START, of_wandb

JUNK = (b"nan", b"NaN", b"-1", b"1e999", b"null", b"\x00", b"\xff\xfe", b"{", b'"', b",",
        b"\t", b"9" * 400, b"1e30", b"step", b"loss")  # fmt: skip


def whole_logs(folder) -> dict[str, tuple]:
    """A log of each format below a folder: its file that is spoilt, and its own folder."""
    made = {}
    home = folder / "huggingface"
    made["huggingface"] = write(home / "trainer_state.json", state(losses(10, 20, 30)))
    write(home / "config.json", GPT2)
    lines = "".join(f"0,{s},{3 - s / 100},\n0,{s},,{3.1 - s / 100}\n" for s in range(9, 100, 10))
    made["lightning"] = write(
        folder / "lightning" / "metrics.csv", f"epoch,step,train_loss,val_loss\n{lines}"
    )
    made["lm-eval"] = write(folder / "lm-eval" / NAME.format(1), results())
    values = "".join(f"{1000 + s} {3 - s / 100} {s}\n" for s in range(10, 60, 10))
    files(folder / "mlflow", "run1", {"val_loss": values}, n_params=1000)
    made["mlflow"] = folder / "mlflow" / "mlruns" / "1" / "run1" / "metrics" / "val_loss"
    rows = [("val_loss", 3 - s / 100, s, s, 0) for s in range(10, 60, 10)]
    database(folder / "mlflow-sqlite" / "mlflow.db", rows)
    made["mlflow-sqlite"] = folder / "mlflow-sqlite" / "mlflow.db"
    values = "".join(f"{s}\t{3 - s / 100}\n" for s in range(10, 60, 10))
    path = folder / "dvclive" / "dvclive" / "plots" / "metrics" / "val_loss.tsv"
    made["dvclive"] = write(path, f"step\tval_loss\n{values}")
    path = folder / "tensorboard" / "events.out.tfevents.1"
    path.parent.mkdir(parents=True)
    scalars = [events.scalar("val/loss", s, 3 - s / 100, s, s % 20 == 0) for s in range(10, 60, 10)]
    path.write_bytes(b"".join([events.version(), *scalars]))
    made["tensorboard"] = path
    made["wandb"] = write(folder / "wandb" / "history.csv", HISTORY)
    path = folder / "wandb-offline" / "run-id1.wandb"
    path.parent.mkdir(parents=True)
    path.write_bytes(of_wandb(START, *FIRST, END))
    made["wandb-offline"] = path
    for name, text in LOGS.items():
        file = "main.log" if name == "llmc" else "a.log"
        made[f"printed-{name}"] = write(folder / f"printed-{name}" / file, text)
    return {name: (path, folder / name) for name, path in made.items()}


@st.composite
def spoilt(draw: st.DrawFn, content: bytes) -> bytes:
    """A file's content with one to three mistakes."""
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        at = draw(st.integers(0, max(len(content) - 1, 0)))
        kind = draw(st.sampled_from(["cut", "flip", "drop", "twice", "junk", "swap"]))
        lines = content.splitlines(keepends=True) or [b""]
        line = draw(st.integers(0, len(lines) - 1))
        if kind == "cut":
            content = content[:at]
        elif kind == "flip" and content:
            flipped = content[at] ^ (1 << draw(st.integers(0, 7)))
            content = content[:at] + bytes([flipped]) + content[at + 1 :]
        elif kind == "drop":
            content = b"".join(lines[:line] + lines[line + 1 :])
        elif kind == "twice":
            content = b"".join([*lines[: line + 1], *lines[line:]])
        elif kind == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[line], lines[other] = lines[other], lines[line]
            content = b"".join(lines)
        else:
            content = content[:at] + draw(st.sampled_from(JUNK)) + content[at + 1 :]
    return content
