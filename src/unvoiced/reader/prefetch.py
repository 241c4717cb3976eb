"""Reading ahead in a thread, as far as a bound on bytes lets it.

- What waits to be taken and what is being read are together no more than `most` bytes, unless a
  single object is larger; then it is alone.
- Whatever goes wrong in the thread is raised where samples are taken, after those before it.
- The thread ends when the iterator is closed, is let go of, or comes to its end. It holds no
  reference to the iterator, and does not keep the process from ending.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from unvoiced.errors import InputError

Q = TypeVar("Q")
A = TypeVar("A")
Chunk = tuple[Sequence[Q], int]  # some questions, and the bytes of their answers


class Ahead(Generic[A]):
    """What was read and waits; one thread puts it here, another takes it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._waiting: deque[tuple[A, int]] = deque()
        self._bytes = 0
        self._ended = False
        self._closed = False
        self._error: BaseException | None = None
        self._process = os.getpid()

    def has_room(self, size: int) -> bool:
        """Wait until so many bytes more may be read; False where nobody wants them any longer."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or not self._bytes or self._bytes + size <= self._most
            )
            return not self._closed

    def put(self, answers: Iterable[tuple[A, int]]) -> None:
        """Hand over what was read, each with its bytes."""
        with self._changed:
            if self._closed:
                return
            for answer, size in answers:
                self._waiting.append((answer, size))
                self._bytes += size
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """No more is to come, for that reason."""
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def take(self) -> Iterator[A]:
        """What waits, and what is to come, in order."""
        while True:
            if os.getpid() != self._process:
                raise InputError("this iteration was begun in another process; begin one here")
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended or self._closed)
                if self._closed:
                    raise InputError("these features were closed")
                if not self._waiting:
                    break
                answer, size = self._waiting.popleft()
                self._bytes -= size
                self._changed.notify_all()
            yield answer
            del answer
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Drop what waits, and have the thread end; does not wait for it."""
        if os.getpid() != self._process:
            return  # after a fork the lock may be held by a thread that is not here
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._bytes = 0
            self._changed.notify_all()


def read_ahead(
    ahead: Ahead[A],
    chunks: Iterable[Chunk[Q]],
    read: Callable[[Sequence[Q]], Iterable[tuple[A, int]]],
) -> threading.Thread:
    """Start reading chunk by chunk into `ahead`; `read` gives answers, each with its bytes."""
    thread = threading.Thread(
        target=_run, args=(ahead, chunks, read), name="unvoiced-read-ahead", daemon=True
    )
    thread.start()
    return thread


def _run(
    ahead: Ahead[A],
    chunks: Iterable[Chunk[Q]],
    read: Callable[[Sequence[Q]], Iterable[tuple[A, int]]],
) -> None:
    try:
        for questions, size in chunks:
            if not ahead.has_room(size):
                return
            ahead.put(read(questions))
    except BaseException as error:  # raised again where samples are taken
        ahead.end(error)
    else:
        ahead.end()
