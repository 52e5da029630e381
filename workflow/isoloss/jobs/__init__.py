"""The commands that rules run, one module each: `python -m isoloss.runtime.job COMMAND`."""
