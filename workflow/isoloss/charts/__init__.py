"""Drawing without knowledge of laws: axes that record, style, numbers as text, files."""
