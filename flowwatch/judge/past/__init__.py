"""What is seen of approved servers now, compared with what was seen of them before.

Promises: pure and order-free. Old and new are compared under one set of location data: earlier addresses are located
anew, at the time they were seen, by the data of today. Without an earlier sighting nothing is said, never that nothing
changed; what was not seen (the key under TLS 1.3, an address that no data places) neither changed nor stayed.
"""

from flowwatch.judge.past.compared import Past, compare

__all__ = ["Past", "compare"]
