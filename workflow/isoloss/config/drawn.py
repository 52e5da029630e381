"""What every figure of a study has."""

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

    @property
    def analyses_named(self) -> list[str]:
        """The analyses of the study that the figure draws."""
        return []

    @property
    def columns_named(self) -> list[str]:
        """The columns of the tables of runs and of learning curves that the figure draws."""
        return []
