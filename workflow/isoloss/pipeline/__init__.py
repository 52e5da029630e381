"""The interface of the Snakefile: the checked config, the plan, and each job's slice of both."""

from isoloss.pipeline.environment import set_environment
from isoloss.pipeline.project import load_project, read_project

__all__ = ["load_project", "read_project", "set_environment"]
