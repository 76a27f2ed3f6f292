"""The files of one source as they lie now, and what of them is new since the last check, whatever rotated meanwhile.

    plan = files.plan(["/var/log/named/query.log*"], cursors, now)
    for cursor in plan.reads: ...       # what is new of cursor.path, from cursor.offset on
    files.advanced(cursor, offset, ended=True)   # the cursor after a step; None: the file changed under it

A file is known by its bytes, not by its name: it goes on with a cursor where all that the cursor remembers of what was
read stands in it. So a file that was renamed, compressed, copied, or truncated and written anew is found again or told
from another, and each byte is read once. `cursor` holds what is remembered, `seen` what lies in the folders, `content`
the bytes unpacked, `alike` which files are copies of one another; `survey` asks which file goes on with which cursor,
`standing` gives each file its cursor, `ends` each cursor without a file its end, and `planning` sums up.

Promises: nothing but regular files is opened; what cannot be read is told and ends no cursor; of what is unchanged no
byte is read. Refuses: formats, state, judgement; and to notice lines that a copytruncate destroyed between its copy and
its truncation, which nobody can.
"""

from flowwatch.ops.files.cursor import Cursor, Mark
from flowwatch.ops.files.planning import MOST, Plan, plan
from flowwatch.ops.files.step import advanced

__all__ = ["MOST", "Cursor", "Mark", "Plan", "advanced", "plan"]
