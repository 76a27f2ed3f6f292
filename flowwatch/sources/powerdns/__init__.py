"""PowerDNS' own messages in Protocol Buffers: what its recursor's clients asked and were answered, as rows of LOOKUPS.

The stream that `protobufServer` and `outgoingProtobufServer` of the recursor, and dnsdist, send over TCP, as it was
stored. Promises the law of accounting over frames, as `sources.dnstap` does, by whose story they are read. Refuses to
say what the server left out: it exports records of chosen types alone, so an answer that tells none has no `answers`.
"""

from flowwatch.sources.powerdns.frames import is_powerdns
from flowwatch.sources.powerdns.reader import powerdns_records

__all__ = ["is_powerdns", "powerdns_records"]
