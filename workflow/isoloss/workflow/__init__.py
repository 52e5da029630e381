"""What the Snakefile knows: the checked config, the plan, and each job's slice of both."""

from isoloss.workflow.environment import set_environment
from isoloss.workflow.load import load

__all__ = ["load", "set_environment"]
