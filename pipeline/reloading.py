"""Keeps a value that is made of files up to date: it is made anew when a file has changed."""

import threading
from collections.abc import Callable

from pipeline.errors import FanfareError, Transient

type Broken = FanfareError | OSError


class Reloading[T]:
    """A value of files. While they are broken, the last one that could be made is kept.

    `first` was made of files of which `seen` was the stamp before they were read. `stamp` changes
    with the files. `again` makes the new value of the old one; its error is reported once for each
    change, but a `Transient` one each time, since it is tried again.
    """

    def __init__(
        self,
        first: T,
        seen: str,
        stamp: Callable[[], str],
        again: Callable[[T], T],
        report: Callable[[Broken], None],
    ) -> None:
        self._value = first
        self._stamp, self._again, self._report = stamp, again, report
        self._seen = seen
        self._alone = threading.Lock()

    def current(self) -> T:
        """Return the value of the files as they are now, or the last one that could be made."""
        with self._alone:
            found = self._stamp()
            if found != self._seen:
                try:
                    self._value = self._again(self._value)
                except Transient as error:
                    self._report(error)
                    return self._value
                except (FanfareError, OSError) as error:
                    self._report(error)
                self._seen = found
            return self._value
