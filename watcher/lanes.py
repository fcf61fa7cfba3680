"""Which file goes to a worker next: customers take turns, one lane is kept free of a backlog."""

from __future__ import annotations

from collections import Counter

from watcher.store.records import Row


class Lanes:
    """Rows that wait for a worker, and whose are under way: `size` lanes for all, and a spare one.

    With `early` lanes more a customer who is the only one has rows handed over before a worker is
    free: it begins on them at once. The customer goes first who was served longest ago. The spare
    lane is for a customer who has nothing under way while others have: a single image waits neither
    for what was fetched of another's backlog nor for the end of another's long job.
    """

    def __init__(self, size: int, early: int = 0) -> None:
        self._size = size
        self._early = early
        self._waiting: list[Row] = []
        self._under_way: Counter[str] = Counter()
        self._spare: str | None = None
        self._served: dict[str, int] = {}
        self._count = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def customers(self) -> frozenset[str]:
        """Who waits here."""
        return frozenset(row.customer for row in self._waiting)

    def hold(self, customer: str) -> bool:
        """Whether a row of this customer waits here or is under way."""
        spare = self._spare == customer
        return spare or self._under_way[customer] > 0 or customer in self.customers()

    def put(self, row: Row) -> None:
        """One more that waits."""
        self._waiting.append(row)

    def take(self) -> tuple[Row, bool] | None:
        """The next one, and whether in the spare lane; it is under way from now on.

        None when none may go now.
        """
        free = self._free()
        rows = [row for row in self._waiting if free or self._may_use_spare(row)]
        if not rows:
            return None
        row = min(rows, key=lambda each: self._served.get(each.customer, 0))
        spare = self._may_use_spare(row)
        self._waiting.remove(row)
        if spare:
            self._spare = row.customer
        else:
            self._under_way[row.customer] += 1
        self._count += 1
        self._served[row.customer] = self._count
        return row, spare

    def done(self, row: Row, spare: bool) -> None:
        """It is at work no more."""
        if spare:
            self._spare = None
        else:
            self._under_way[row.customer] -= 1

    def empty(self) -> list[Row]:
        """Give back all that wait."""
        rows, self._waiting = self._waiting, []
        return rows

    def _free(self) -> bool:
        early = self._early if len(self._at_work() | self.customers()) == 1 else 0
        return self._under_way.total() < self._size + early

    def _at_work(self) -> set[str]:
        spare = set() if self._spare is None else {self._spare}
        return spare | {customer for customer, count in self._under_way.items() if count}

    def _may_use_spare(self, row: Row) -> bool:
        others = self._under_way.total() > 0
        return others and self._spare is None and self._under_way[row.customer] == 0
