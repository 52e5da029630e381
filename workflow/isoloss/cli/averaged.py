"""`isoloss optimal` with `--law best`: what each law says, and their weighted average."""

import json
from dataclasses import asdict

from isoloss.fit.settings import AVERAGE_OF_LAWS as BEST

LABELS = {"n_params": "N*", "n_tokens": "D*", "tokens_per_param": "D*/N*", "loss": "loss"}


def optimum(args, averaged, k: float, given: dict[str, float]) -> int:
    """Print the averaged optimum of each budget; the exit code."""
    from isoloss.fit.result import plain

    found, by_law = averaged.optimum(args.compute, k, **given)
    without = [
        f"no law has an optimum at {compute:g} FLOP"
        for compute in found["compute"][found["n_params"].isna()]
    ]
    content = {
        "approach": 3,
        "compute": f"{k:g} N D",
        "level": averaged.level,
        "law": BEST,
        **averaged.to_dict(),
        "optimal": plain(found.to_dict("records")),
        "by_law": plain(by_law.to_dict("records")),
        "answers": [asdict(one) for one in averaged.answers(args.compute, k, **given)],
        "warnings": [*without, *averaged.warnings],
        "notes": list(averaged.notes),
    }
    if args.json:
        print(json.dumps(plain(content), allow_nan=False))
    else:
        print(_text(averaged, content))
    return 0


def laws(averaged) -> list[str]:
    """Lines on the laws: weights, errors of trials and verdicts."""
    from isoloss.cli import texts

    rows = [["law", "weight", "error of trials", "drift", "lack of fit", "verdict"]]
    for one in averaged.to_dict()["laws"]:
        error, drift = (_percent(one[name]) for name in ("error", "drift"))
        verdict = str(one["verdict"]).partition(":")[0].partition(";")[0]
        rejected = "rejected" if one["rejected"] else "-"
        rows.append([one["law"], f"{one['weight']:.2f}", error, drift, rejected, verdict])
    lines = [averaged.evidence, texts.columns(rows)]
    return lines + [f"not averaged: {law}: {text}" for law, text in averaged.left_out.items()]


def _text(averaged, content):
    from isoloss.cli import texts

    rows = [["C (FLOP)", "", "average", f"{100 * averaged.level:g} % from", "to", *averaged.laws]]
    said = {(one["compute"], one["law"]): one for one in content["by_law"]}
    for record in content["optimal"]:
        of_laws = [said.get((record["compute"], law)) for law in averaged.laws]
        for name, label in LABELS.items():
            compute = texts.number(record["compute"]) if name == "n_params" else ""
            ends = (texts.number(record[f"{name}{end}"]) for end in ("", "_lo", "_hi"))
            each = ("-" if one is None else texts.number(one[name]) for one in of_laws)
            rows.append([compute, label, *ends, *each])
        ends = (texts.number(record[f"loss_of_run{end}"]) for end in ("_lo", "_hi"))
        nothing = [""] * len(averaged.laws)
        rows.append(["", "loss of a run", texts.number(record["loss"]), *ends, *nothing])
        weights = ("-" if one is None else f"{one['weight']:.2f}" for one in of_laws)
        rows.append(["", "weight", "", "", "", *weights])
    result = averaged.members[0].result
    return "\n".join(
        [
            texts.columns(rows),
            "loss of a run: the noise of one run, the disagreement of the laws, and their drift "
            "beyond the runs",
            *laws(averaged),
            f"C = {content['compute']}; {result.n_rows} rows",
            *(f"answer: {one['sentence']}" for one in content["answers"]),
            texts.ranges(result.problem.log_x),
            *(f"warning: {text}" for text in content["warnings"]),
            *(f"assumed: {text}" for text in content["notes"]),
        ]
    )


def _percent(share):
    return "-" if share is None else f"{100 * share:.2g} %"


def problems(args, settings) -> list[str]:
    """Options that have no meaning for several laws, beside what `arguments.check` finds."""
    from isoloss.fit.settings import FitSettings

    if settings.law != BEST:
        return []
    about = FitSettings.about()
    wrong = [name for name in ("fixed", "tied") if getattr(args, name)]
    wrong += ["intervals"] if args.intervals != about["intervals"][1] else []
    found = [
        f"{about[name][0].option}: has no meaning for several laws (--law {BEST}); name one"
        for name in wrong
    ]
    if (
        getattr(args, "unique_tokens", None) is not None
        and "n_unique_tokens" not in settings.columns
    ):
        found.append(
            f"--unique-tokens: --law {BEST} takes laws of N and D, unless --column "
            "n_unique_tokens=COLUMN names the unique tokens"
        )
    return found
