"""`isoloss COMMAND --help` explains each command."""

import pytest

from isoloss.cli.main import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command, capsys):
    """A percent sign in the help of an option would be a traceback."""
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"usage: isoloss {command}" in capsys.readouterr().out
