"""What every analysis of a study has."""

from isoloss.config.section import Name, Section


class Analysing(Section):
    """An analysis: its name in the study, and the sweeps whose runs it reads."""

    name: Name
    sweeps: list[Name]

    @property
    def sweeps_named(self) -> list[str]:
        """The sweeps that it reads."""
        return self.sweeps
