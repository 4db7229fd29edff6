"""The one exception for what a user handed in: who, what was wanted, what came, and where."""

from __future__ import annotations


class BadInput(ValueError):
    """Input that cannot be used, told so that its owner can mend it.

    The command line prints it as one sentence and exits with 2; `--json` prints its four fields.

    Args:
        what: who speaks and what is wrong, without a full stop: `splice.csv: unknown letter`.
        wanted: what would have been right.
        got: what came, shortened by the caller where it could be long.
        where: file, line, column, series or date; empty where the command line itself is meant.
    """

    def __init__(self, what: str, *, wanted: object = "", got: object = "", where: str = "") -> None:
        self.what, self.wanted, self.got, self.where = what, str(wanted), str(got), where
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        wanted = f"; wanted {self.wanted}" if self.wanted else ""
        got = f", got {self.got}" if self.got else ""
        return f"{place}{self.what}{wanted}{got}"


def counted(number: int, noun: str) -> str:
    """`1 row`, `1,024 rows`; of nouns whose plural ends in s."""
    return f"{number:,} {noun}" + "s" * (number != 1)
