"""Say what was found, and open the report in a browser.

isoloss show
isoloss show results/smoke
isoloss show ../another-project --no-browser
"""

import argparse
import webbrowser
from pathlib import Path

from isoloss.config.load import CONFIG, read_config
from isoloss.errors import UserError
from isoloss.pipeline.ending import ending

PAGE = "report.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `isoloss show`."""
    parser.add_argument(
        "folder", nargs="?", default=".", type=Path, help="a project, or its folder of results"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print")


def run(arguments: argparse.Namespace) -> int:
    """Print the path and the first findings, and open the page."""
    page = _page(arguments.folder)
    print("\n".join(ending(page.parent) or [f"The report: {page.resolve()}"]))
    if not arguments.no_browser and not webbrowser.open(page.resolve().as_uri()):
        print("No browser was found: open the file by hand.")
    return 0


def _page(folder: Path) -> Path:
    """The report of a project, or that in a folder of results."""
    places = [folder]
    if (folder / CONFIG).is_file():
        places.append(folder / str(read_config(folder).get("results", "results")))
    for place in places:
        if (place / PAGE).is_file():
            return place / PAGE
    looked = " or ".join(str(place / PAGE) for place in places)
    raise UserError(
        str(folder), [f"there is no report: no {looked}"], "snakemake --cores all makes it."
    )
