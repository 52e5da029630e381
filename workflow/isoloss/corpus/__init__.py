"""Text to train on: its source, its split into training and held-out parts, its tokens on disk.

The data flow: spec -> sources (one module per kind) -> fingerprint (identity of the corpus, known
while planning, before tokens are made) -> prepare (the job: tokens and a card) -> load (for
training). `download` and `archives` serve any code that fetches a file of known content.
"""
