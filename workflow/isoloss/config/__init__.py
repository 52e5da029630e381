"""The border: what a user may write in config/, checked in full before any job starts."""
