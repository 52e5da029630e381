"""Tools that write logs ask for no network here, and report nothing."""

import pytest

QUIET = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "HF_HUB_OFFLINE": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_MODE": "offline",
    "WANDB_SILENT": "true",
}


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """What each tool reads when it is imported or starts."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
