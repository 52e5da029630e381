"""Tables as files, for the tests of commands that take a user's table."""

import csv

import pytest


@pytest.fixture
def table(tmp_path):
    """A function: columns -> path of a CSV with them."""

    def write(columns, name="runs.csv", separator=","):
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=separator)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
        return str(path)

    return write
