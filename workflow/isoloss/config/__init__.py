"""The settings that a user may write in config/, checked in full before any job starts."""
