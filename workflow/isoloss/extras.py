"""The package's extras: which optional dependencies each installs, and how to ask for it."""

from isoloss.errors import UserError

EXTRAS = {  # the extra in pyproject.toml -> the modules that it brings
    "study": (
        "jinja2",
        "markupsafe",
        "safetensors",
        "snakemake",
        "snakemake_interface_logger_plugins",
        "tokenizers",
        "torch",
    ),
}


def command(extra: str) -> str:
    """The command that installs an extra."""
    return f"pip install 'isoloss[{extra}]'"


def not_installed(what: str, error: ModuleNotFoundError) -> UserError | None:
    """The message where `what` needs a module of an extra; None for a module of no extra."""
    module = (error.name or "").partition(".")[0]
    for extra, modules in EXTRAS.items():
        if module in modules:
            return UserError(what, [f"needs {module}, which is not installed: {command(extra)}"])
    return None
