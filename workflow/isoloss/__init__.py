"""isoloss: scaling laws, measured.

Data flows one way, and imports point only back along it:
constants, errors, files | stats | laws | tables | results | charts | config, counting | runtime |
plan | corpus | models, tasks, train | runs | fit | forecast, decide |
exhibits, analysis, figures | report | jobs | pipeline, reference, cli.
"""

__version__ = "0.1.0"
