"""Keeps a value that is made of files up to date: it is made anew when a file has changed."""

import threading
from collections.abc import Callable

from pipeline.errors import FanfareError

type Broken = FanfareError | OSError


class Reloading[T]:
    """A value of files. While they are broken, the last one that could be made is kept.

    `stamp` changes with the files. `again` makes the new value of the old one; its error is
    reported once for each change.
    """

    def __init__(
        self,
        first: T,
        stamp: Callable[[], str],
        again: Callable[[T], T],
        report: Callable[[Broken], None],
    ) -> None:
        self._value = first
        self._stamp, self._again, self._report = stamp, again, report
        self._seen = stamp()
        self._alone = threading.Lock()

    def current(self) -> T:
        """Return the value of the files as they are now, or the last one that could be made."""
        with self._alone:
            found = self._stamp()
            if found != self._seen:
                self._seen = found
                try:
                    self._value = self._again(self._value)
                except (FanfareError, OSError) as error:
                    self._report(error)
            return self._value
