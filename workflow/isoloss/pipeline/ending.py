"""The last lines of a command that has made the report: where it is, and what was found."""

from pathlib import Path

from isoloss.errors import UserError
from isoloss.files import read_json

MOST = 3  # findings


def ending(results: str | Path) -> list[str]:
    """The path of the report and its first findings, one line each; none without a report."""
    page = Path(results) / "report.html"
    try:
        found = read_json(page.with_name("findings.json"))
    except UserError:
        return []
    if not page.exists():
        return []
    name = "The report, which is not finished" if found["failed_jobs"] else "The report"
    said = [one["sentence"] for one in (*found["main"], *found["others"])[:MOST]]
    return [f"{name}: {page.resolve()}", *(f"- {sentence}" for sentence in said)]
