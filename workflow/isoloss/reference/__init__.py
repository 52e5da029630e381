"""Generated references: schemas of config files for editors, and pages for readers."""
