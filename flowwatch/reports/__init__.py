"""Report -> screen, JSON lines, web page, decision rows: one writer a file, each a pure function of the Report.

    text.render(report, console)       the screen a team reads first
    jsonl.lines(report)                the whole Report, lossless and versioned
    html.render(report)                one self-contained page
    decisions.write(report, path)      one row a transmission, approved ones included

Promises: the same Report gives the same bytes; text written by strangers passes one function of `escape` per sink.
Refuses: to look at inputs, policy or places again; to print a word of blame.
"""
