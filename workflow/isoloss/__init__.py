"""isoloss: scaling laws, measured.

Data flows one way, and imports point only back along it:
errors, files | config, plan | laws | corpus | models, tasks, train | collect | fit |
figures | report | cli.
"""
