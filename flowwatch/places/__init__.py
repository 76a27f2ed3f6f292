"""Address -> candidate places with basis, date and confidence; offline, from the operator's and own data.

Promises: located, registered and operated are three facts, never one from another; nothing found is `indeterminate`
with the reason, never a guess. Refuses: any look-up over the network, and a database that cannot be read (PlacesError).
"""

from flowwatch.places.locator import Locator

__all__ = ["Locator"]
