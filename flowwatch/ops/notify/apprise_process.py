"""The process that the channel `apprise` starts: one notification from standard input, told by the library.

Ends with 0 when the library says that it worked, 1 when not, 2 when it knows no service of that URL.
"""

import json
import resource
import sys

_MOST_MEMORY = 1 << 30


def main() -> int:
    """Tells what standard input holds: url, title, body, kind."""
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    asked = json.load(sys.stdin.buffer)
    import apprise  # noqa: PLC0415 - under the limit too

    service = apprise.Apprise(asset=apprise.AppriseAsset(plugin_paths=[], storage_mode="memory"))
    if not service.add(asked["url"]):
        return 2
    worked = service.notify(
        title=asked["title"], body=asked["body"], notify_type=asked["kind"], body_format=apprise.NotifyFormat.TEXT
    )
    return 0 if worked else 1


if __name__ == "__main__":
    sys.exit(main())
