"""Which result is a repeat of an earlier one, told by the address of its PDF.

A gateway that sends a result twice must not settle the next order too, where that one cannot be told from the first
by anything else. Addresses tell invoices apart only where each invoice has its own: the first that two different
orders share shows that they do not, and from then on nothing is held to be a repeat. Pure; bounded in size.
"""

from collections import OrderedDict

KEPT = 10_000
"""Addresses remembered (count)."""


class InvoiceAddresses:
    """The addresses that settled orders lately, in this process."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._orders: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self.are_telling = True
        """Whether each invoice seems to have an address of its own."""

    def settled(self, lane: str, fingerprint: str | None, address: str | None) -> None:
        """A result with this address settled an order of this lane and fingerprint."""
        if address is None or fingerprint is None:
            return
        if self._orders.setdefault(address, (lane, fingerprint)) != (lane, fingerprint):
            self.are_telling = False
        self._orders.move_to_end(address)
        if len(self._orders) > self._kept:
            self._orders.popitem(last=False)

    def is_known(self, address: str | None) -> bool:
        """Whether a result with this address settled an order before: then it speaks of no other."""
        return self.are_telling and address is not None and address in self._orders

    def is_repeat(self, lane: str, fingerprint: str | None, address: str | None) -> bool:
        """Whether a result for such an order can only be one that came before."""
        return self.are_telling and address is not None and self._orders.get(address) == (lane, fingerprint)
