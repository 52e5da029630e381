"""What is written from the models of configs: schemas for editors, pages for readers."""
