"""isoloss: scaling laws, measured.

Data flows one way, and imports point only back along it:
constants, errors, extras, files, extensions | stats | laws | tables | results | charts |
config, counting | corpus | models, tasks | plan | runtime | train | runs | fit, schedules |
forecast, decide | exhibits | report | jobs | pipeline, reference, cli.
"""

__version__ = "0.1.0"
