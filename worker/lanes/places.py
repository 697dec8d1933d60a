"""Who has how many of this worker's places, so that no tenant's parked scans take them all. Pure counting."""

from collections import Counter
from collections.abc import Mapping


class Places:
    """Lanes being served, by tenant."""

    def __init__(self, of_tenant: int) -> None:
        self.of_tenant = of_tenant
        """The most that one tenant may have."""
        self.crowded: frozenset[str] = frozenset()
        """Tenants that have all they may have while more of their lanes wait: each of theirs should give way soon."""
        self._taken = Counter[str]()

    def take(self, tenant: str) -> None:
        """A lane was begun for this tenant."""
        self._taken[tenant] += 1

    def leave(self, tenant: str) -> None:
        """A lane of this tenant ended."""
        self._taken[tenant] -= 1
        if self._taken[tenant] <= 0:
            del self._taken[tenant]

    def left(self) -> Mapping[str, int]:
        """How many more the tenants may have that have some."""
        return {tenant: max(0, self.of_tenant - taken) for tenant, taken in self._taken.items()}

    def full(self) -> list[str]:
        """Tenants that have all they may have."""
        return [tenant for tenant, taken in self._taken.items() if taken >= self.of_tenant]
