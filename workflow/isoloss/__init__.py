"""isoloss: scaling laws, measured.

Data flows one way, and imports point only back along it:
errors, files | laws | tables | config, counting | runtime | plan | corpus |
models, tasks, train | runs | fit | analysis | figures | report | jobs | pipeline, cli.
"""

__version__ = "0.1.0"
