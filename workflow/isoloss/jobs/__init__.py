"""The commands that rules run, a module each: `python -m isoloss.runtime.job COMMAND`."""
