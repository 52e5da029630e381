"""What every figure of a study has."""

from typing import ClassVar

from isoloss.config.section import Name, Section


class Drawn(Section):
    """A figure: the name of its files, and what a reader is told."""

    name: Name
    title: str
    caption: str  # what it shows, and what it cannot
    tabulate: bool = False  # the report shows the numbers that are drawn, not only a link to them

    @property
    def sweeps_named(self) -> list[str]:
        """The sweeps of the study that the figure draws."""
        return []

    @property
    def fits_named(self) -> list[str]:
        """The fits of the study that the figure draws."""
        return []

    # Keys that name analyses of the study -> what these must `do`.
    analyses_drawn: ClassVar[dict[str, str]] = {}

    @property
    def analyses_named(self) -> list[str]:
        """The analyses of the study that the figure draws."""
        return [name for key in self.analyses_drawn if (name := getattr(self, key, None))]

    @property
    def numbers_named(self) -> list[str]:
        """The columns of the table of runs that the figure draws, which must hold numbers."""
        return []

    @property
    def curve_numbers_named(self) -> list[str]:
        """The same of the learning curves."""
        return []

    @property
    def columns_named(self) -> list[str]:
        """The columns of the table of runs that choose or divide what is drawn."""
        return []
