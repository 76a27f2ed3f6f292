"""The scheduled check: what is new since the last one, judged, kept and told."""
