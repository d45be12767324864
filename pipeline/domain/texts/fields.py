"""The fields of a table's row, as RFC 4180 has them, with any delimiter and quote.

A quote counts only where a field begins; two quotes within quotes are one. Bytes in UTF-8.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Fields:
    """How fields are written: what stands between them, and around those that need it."""

    delimiter: bytes = b","
    quote: bytes = b'"'

    def ends_within(self, line: bytes, *, within: bool) -> bool:
        """Return whether a line that begins within quotes, or not, ends within quotes."""
        if not self.quote or (not within and self.quote not in line):
            return within
        at = 0
        while True:
            if within or line.startswith(self.quote, at):
                at = self._after_quotes(line, at if within else at + len(self.quote))
                if at < 0:
                    return True
                within = False
            at = line.find(self.delimiter, at)
            if at < 0:
                return False
            at += len(self.delimiter)

    def cut(self, row: bytes) -> list[bytes]:
        """Cut a whole row into its fields as they are written, quotes included."""
        if not self.quote or self.quote not in row:
            return row.split(self.delimiter)
        found: list[bytes] = []
        at = 0
        while True:
            begin = at
            if row.startswith(self.quote, at):
                at = self._after_quotes(row, at + len(self.quote))
                at = len(row) if at < 0 else at
            at = row.find(self.delimiter, at)
            if at < 0:
                return [*found, row[begin:]]
            found.append(row[begin:at])
            at += len(self.delimiter)

    def value(self, field: bytes) -> str:
        """Return the value of a field as it is written."""
        if self.quote and field.startswith(self.quote):
            size = len(self.quote)
            end = self._after_quotes(field, size)
            if end >= 0:
                inner = field[size : end - size].replace(self.quote * 2, self.quote)
                field = inner + field[end:]
        return field.decode()

    def values(self, row: bytes) -> list[str]:
        """Return the values of a whole row."""
        return [self.value(field) for field in self.cut(row)]

    def _after_quotes(self, line: bytes, at: int) -> int:
        """Return the place after the closing quote, or -1 if it is not in this line."""
        size = len(self.quote)
        while (found := line.find(self.quote, at)) >= 0:
            at = found + size
            if not line.startswith(self.quote, at):
                return at
            at += size
        return -1
