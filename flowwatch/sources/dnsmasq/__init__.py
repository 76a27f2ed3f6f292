"""dnsmasq and Pi-hole query log: questions with the answers that are theirs, as rows of LOOKUPS.

    Nov 22 07:37:29 dnsmasq[25343]: 1 192.0.2.10/34763 query[A] results.example from 192.0.2.10
    Nov 22 07:37:29 dnsmasq[25343]: 1 192.0.2.10/34763 reply results.example is 198.51.100.7

Promises: no name or text that a client or a server chose can pass for another line's (`pairing`). Refuses to say of an
answer without its question whose it was.
"""

from flowwatch.sources.dnsmasq.grammar import score
from flowwatch.sources.dnsmasq.reader import DnsmasqLog

__all__ = ["DnsmasqLog", "score"]
