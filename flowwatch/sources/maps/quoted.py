"""Records of quoted columns that run over several lines, since a value in quotes may hold a line end.

A record is numbered by its first line. Promises: a quote that is never closed takes no more than its own line with it:
after `MOST_LINES` that line is given alone, and what followed is read anew.
"""

MOST_LINES = 64
"""Lines of a record."""
Place = tuple[int, int, str | None]
"""Line number, byte offset, and text: None where it is blank."""


class Quoted:
    """Takes the lines of one log in order; keeps a record that has begun."""

    def __init__(self) -> None:
        self._begun: list[Place] = []

    def take(self, lines: list[Place]) -> list[Place]:
        """The records that these lines complete."""
        done: list[Place] = []
        todo = lines[::-1]
        while todo:
            one = todo.pop()
            text = one[2] or ""
            if not self._begun and text.count('"') % 2 == 0:
                done.append(one)
                continue
            self._begun.append(one)
            if len(self._begun) > 1 and text.count('"') % 2:
                done.append(self._joined())
            elif len(self._begun) > MOST_LINES:
                done.append(self._begun[0])
                todo += self._begun[:0:-1]
                self._begun = []
        return done

    def end(self) -> list[Place]:
        """The lines of a record that did not end, each by itself."""
        done, self._begun = self._begun, []
        return done

    def leave(self) -> list[Place]:
        """The lines of the record that has begun, taken out: it ends in what another reads on."""
        left, self._begun = self._begun, []
        return left

    def resume(self, begun: list[Place]) -> None:
        """Goes on where another left."""
        self._begun = begun

    def _joined(self) -> Place:
        number, offset, _ = self._begun[0]
        text = "\n".join(one[2] or "" for one in self._begun)
        self._begun = []
        return number, offset, text
