"""The scheduled check: what is new since the last one, judged, kept and told.

scheduled    a run: the check, then outputs and metrics; deliveries; failures told
check        one check, top to bottom
reader       one source in one check, step by step; `files` says where it goes on, whatever rotated
docket       kept rows judged, and what changes by it; `kept` holds the rows
life         findings over many checks; `streams` what is lacking of a source
deliveries   the outbox; `outbox` what is told when, `notify` carries it
state        the database all of it stands in
"""
