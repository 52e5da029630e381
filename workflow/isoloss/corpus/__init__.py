"""Text to train on: where it comes from, how it is split, tokens on disk.

spec -> sources (one module for each kind) -> fingerprint (while planning: what the corpus is,
without tokenising it) -> prepare (the job: tokens and a card) -> load (for training). `download`
and `archives` serve anything that fetches a file and must be sure of its content.
"""
