"""The `isoloss` command: one module per subcommand, imported when the subcommand is called."""
