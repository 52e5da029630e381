"""Choice of the next runs, so that a quantity at a target budget has the narrowest interval."""
