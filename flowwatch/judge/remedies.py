"""What to look at next, for each reason a finding may have: one neutral sentence, the same for everybody."""

from flowwatch.model import Reason

REMEDIES: dict[Reason, str] = {
    Reason.EXCEPTION_EXPIRED: "Check with the exception's owner whether it should have been renewed.",
    Reason.PROHIBITED: "Ask the sender's operator what was sent; only an exception that names it lifts a prohibition.",
    Reason.PROHIBITION_UNSEEN: "Look for a recording that shows what the prohibition asks for.",
    Reason.DESTINATION_UNLISTED: "Ask who runs the receiver and what was sent; list it if it is meant to be approved.",
    Reason.NAME_LISTED_ADDRESS_UNLISTED: (
        "Compare the address with those its owner publishes; update `cidrs` if the server moved."
    ),
    Reason.NONE_FROM_ZONE: "Check whether this zone should send there; if so, add it to a channel.",
    Reason.ZONE_UNLISTED: "Check whether the two zones should exchange this; if so, add a channel between them.",
    Reason.OPENED_BY: "Check why the other side opened the flow; `opened_by` may allow it.",
    Reason.PROTO: "Check which service was used and whether the channel should allow its protocol.",
    Reason.PORT: "Check which service listens on that port and whether the channel should allow it.",
    Reason.RELATION_UNSEEN: "Look for a capture or an FTP log that holds the control connection in clear, beside it.",
    Reason.NOT_CARRIED: "Check what was sent; the channel must list the label to carry it.",
    Reason.UNREAD: "Ask the sender what was sent; a classifier that knows it by name, port or zone may label it.",
    Reason.OUTSIDE_WINDOW: "Check whether the sending was due at that time, and the sender's clock.",
    Reason.ENDS_OUTSIDE: "Check whether the sending was late or the declared time too short.",
    Reason.BEGUN_BEFORE: "Look for a recording that holds the beginning of the flow.",
    Reason.NAME_UNLISTED: "Check which service under that name shares the address.",
    Reason.NAME_UNOBSERVED: "Look for the sender's DNS answers; a server that serves nobody else may be `dedicated`.",
    Reason.NAME_AMBIGUOUS: "Look for the name the flow itself used; several names stood for the address.",
    Reason.NAME_MALFORMED: "Look at the record; the name is no host name.",
    Reason.ALIAS_UNLISTED: "Compare the chain of aliases with what the server's owner uses; list it under `aliases`.",
    Reason.BINDING_UNOBSERVED: "Look for the sender's DNS answers from a listed resolver, or list the address.",
    Reason.COUNTRY_UNEXPECTED: "Ask the server's operator where it runs now.",
    Reason.REGION_UNEXPECTED: "Ask the server's operator in which region it runs now.",
    Reason.ASN_UNEXPECTED: "Ask the server's operator which network announces the address now.",
    Reason.LOCATION_UNPROVEN: "Add location data, or state the place of the address in `[[place]]`.",
    Reason.TLS_REQUIRED: "Check the sender's configuration; the server is to be reached over TLS.",
    Reason.TLS_UNOBSERVED: "Look for a recording that holds the beginning of the flow.",
    Reason.TLS_VERSION: "Check which TLS versions both sides allow.",
    Reason.TLS_KEY_UNEXPECTED: "Ask the server's operator whether its key was changed.",
    Reason.TLS_ISSUER_UNEXPECTED: "Ask the server's operator which authority issues its certificate.",
    Reason.TLS_NAME_UNEXPECTED: "Ask the server's operator which names its certificate bears.",
    Reason.TLS_KEY_UNOBSERVED: "Look for a recording that shows the certificate.",
    Reason.TUNNEL_UNLISTED: "Ask who runs the far end of the tunnel; list it with role `tunnel` if it is meant.",
    Reason.VIA: "Check whether the sender should use that proxy; if so, add it to the channel's `via`.",
    Reason.PROXY_ADDRESS: "Look for a recording taken behind the proxy; it shows the address.",
    Reason.PROXY_UNREAD: "Look for the proxy's own log; it holds what was asked for.",
    Reason.QUIC_MIGRATION: "Look for the beginning of the connection, or for the client's other recordings.",
    Reason.CLOCK: "Compare the sensor's clock with a reference; the times lie within its error.",
    Reason.DATA_IN_NAMES: (
        "Ask which program asked for these names and who runs the domain; a name listed in full is not counted."
    ),
    Reason.VOLUME: (
        "Compare with what was due: a file sent again, or more senders than planned, raise it; `limits` may be low."
    ),
    Reason.VOLUME_UNSEEN: "Look for a source that counts payload bytes and holds the flows from their beginning.",
    Reason.OUT_OF_ORDER: (
        "Ask what was sent so early: a rehearsal or an empty file looks the same; compare the clocks of both sensors."
    ),
    Reason.ORDER_UNSEEN: "Look for a recording of the earlier channels from the beginning of their time.",
    Reason.PRIMARY_UP: (
        "Ask the sender whether its own way to the primary had failed; what others could reach need not be up for it."
    ),
    Reason.STATE_UNSEEN: "Look for recordings of the ten minutes before; perhaps nobody tried the primary then.",
    Reason.NOT_HEARD: (
        "Ask the senders what they sent and when; one that moved to another address is not heard at the listed one."
    ),
    Reason.PRESENCE_UNSEEN: "Look for a recording of these senders, both directions, through all of the time.",
    Reason.DORMANT_RETURNED: (
        "Ask the server's owner why it is used again and who runs it now; recordings may be missing."
    ),
    Reason.DRIFT_NETWORK: (
        "Ask the server's owner whether it moved or has another carrier; a server may be announced by several networks."
    ),
    Reason.DRIFT_COUNTRY: "Ask the server's owner where it runs now; databases may place its new address wrongly.",
    Reason.DRIFT_REGION: "Ask the server's owner in which region it runs now, and whether it may fail over to it.",
    Reason.DRIFT_KEY: "Ask the server's owner whether the key was renewed; many are with every certificate.",
    Reason.DRIFT_ANSWERS: "Compare the address with those its owner publishes; answers may take turns.",
    Reason.REFERENCE_CHANGED: "Look the address up in both sets of location data; state its place in `[[place]]`.",
    Reason.CLAIM_CONTRADICTED: (
        "Ask who runs these destinations and what was sent; location data and declared networks may be out of date."
    ),
    Reason.REPEATED: (
        "Ask the sender's operator what was sent and to whom; mirrors, software updates and one service tried "
        "at several addresses look alike, and by size alone so does chance."
    ),
    Reason.NOT_ASKED_FOR: (
        "Ask which program went there; settings, a hosts file, an earlier answer it kept and encrypted lookups give "
        "addresses, too."
    ),
    Reason.ENCRYPTED_DNS: (
        "Look for the resolver's own log; the port alone may be used by another service, and lookups missing here are "
        "no sign that nothing was asked."
    ),
    Reason.ECH: "Look for the sender's DNS answers; many browsers send the extension for show, with the name in clear.",
    Reason.OPAQUE_TUNNEL: (
        "Look for a recording taken behind either end of the tunnel; a declared VPN looks the same as any other."
    ),
    Reason.SEEN_AFTER: (
        "Compare with the policy that was in force then; a new version that changes nothing for that time looks the "
        "same, and dates of approval are the policy's own words."
    ),
    Reason.UNSEEN: "Look for a source that shows the condition named.",
    Reason.NONE_IN_FORCE: "Check the validity of the policy's versions.",
    Reason.LOOKUP_UNAPPROVED: "Ask which program asked for it; a lookup alone does not show that anything was sent.",
    Reason.ANSWER_UNLISTED: "Compare the answer with the addresses the server's owner publishes.",
    Reason.LOSSY_NAME: "Look for a source that writes the name in full.",
    Reason.SENSOR_ABSENT: (
        "Read its recordings too, or compare `sources` with their paths; a file under another name looks the same."
    ),
    Reason.GAP: "Keep rotated files until a check has read them; look for a copy of the one that is gone.",
    Reason.SILENT: "See whether the program still writes the log, and where to.",
    Reason.MISSING: "Compare `paths` with where the program writes.",
    Reason.EMPTY: "See whether the program is set to write this log.",
    Reason.BELOW_RATE: "See whether part of the traffic is no longer logged, or set `min_per_hour` to what is usual.",
    Reason.UNREADABLE: "Let the user of the check read the file: name the group of the log in `groups`.",
    Reason.FORMAT_CHANGED: "See whether the program or its settings changed; what was read before stays as it is.",
    Reason.PLACES_STALE: "Install newer location data: flowwatch places update FILE.",
}


def remedy_of(reason: Reason) -> str:
    """The sentence for the deciding reason."""
    return REMEDIES.get(reason, "Look at the records and the rule named.")
