"""What every failure to open has to look like, whatever was wrong (INV-11)."""

import traceback
from collections.abc import Callable

import pytest

from unvoiced.errors import OpenError

MESSAGE = "the sealed object does not open with this key in this context"


def refuses_to_open(action: Callable[[], object]) -> None:
    """The action raises the one `OpenError`, which tells nothing of the reason when shown."""
    with pytest.raises(OpenError) as caught:
        action()
    error = caught.value
    assert type(error) is OpenError
    assert (str(error), error.args, vars(error)) == (MESSAGE, (MESSAGE,), {})
    assert (error.diagnostics(), error.exit_code) == (MESSAGE, 3)
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__
    shown = "".join(traceback.format_exception(error))
    assert shown.count("Traceback") == 1
    assert "Error: " in shown.splitlines()[-1]
    assert "InvalidTag" not in shown.splitlines()[-1]
