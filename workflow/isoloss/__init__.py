"""isoloss: scaling laws, measured.

Data flows one way, and imports point only back along it:
errors, files, tables, code, columns, job, progress | config, counting, plan | laws | corpus |
models, tasks, train | collect | fit | analysis | figures | report |
references, limits, disk, holder, warm, cluster, workflow, cli.
"""

__version__ = "0.1.0"
