"""Text to train on: its source, its split into training and held-out parts, its tokens on disk.

The data flow is spec, sources, fingerprint, prepare, load. `sources` has one module per kind.
`fingerprint` finds the identity of a corpus while planning, before tokens are made. `prepare` is
the job that makes tokens and a card, and `load` reads them for training. `download` and `archives`
serve any code that fetches a file of known content.
"""
