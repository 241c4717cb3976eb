"""The one error for everything that does not open."""

import pickle

import pytest

from tests.sealing.refusal import MESSAGE, refuses_to_open
from unvoiced.errors import AccessError, OpenError


@pytest.mark.inv("INV-11")
def test_an_open_error_takes_no_reason() -> None:
    """Nobody who raises it can make it say why."""
    assert issubclass(OpenError, AccessError)
    with pytest.raises(TypeError):
        OpenError("the key is wrong")  # type: ignore[call-arg]


@pytest.mark.inv("INV-11")
def test_an_open_error_survives_the_trip_between_processes() -> None:
    """Raised in a worker process it arrives as itself; a failing unpickle kills a process pool."""
    error = pickle.loads(pickle.dumps(OpenError()))  # noqa: S301  (made just here)
    assert (type(error), str(error)) == (OpenError, MESSAGE)


def test_the_check_of_refusals_itself_refuses_a_chained_error() -> None:
    """A test that cannot fail is a defect."""

    def chained() -> None:
        try:
            raise KeyError("the reason")
        except KeyError:
            raise OpenError  # noqa: B904  (what must not be done)

    with pytest.raises(AssertionError):
        refuses_to_open(chained)
