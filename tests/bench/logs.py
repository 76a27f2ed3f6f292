"""How fast logs are read, beside what counts their lines and what a person would write: `make bench-logs`.

Makes `LINES` lines of each format, reads them as whole processes into Parquet with one thread, in turn with
`grep -c ''` (the least there is to do) and with pandas, and with DuckDB where it is installed. Prints lines a second,
the ratio to grep, and peak memory; asserts nothing.
"""

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.bench import RUNS, Command, timed

LINES = int(os.environ.get("LINES", "1000000"))
_START = 1_795_333_872
_PROGRAM = str(Path(sys.executable).with_name("flowwatch"))
_HEAD = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t{}\n#fields\t{}\n"
_CONN = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state local_orig "
    "local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents"
)
_DNS = (
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto trans_id rtt query qclass qclass_name qtype qtype_name rcode "
    "rcode_name AA TC RD RA Z answers TTLs rejected"
)
_PANDAS = {
    "bind": "import pandas as p; s=p.read_csv(F,sep='\\x01',header=None)[0];"
    r"s.str.extract(r'^(\S+ \S+) .*client @\S+ (\S+)#(\d+) .*query: (\S+) (\S+) (\S+) (\S+) \((\S+)\)').to_parquet(O)",
    "zeek": "import pandas as p; p.read_csv(F,sep='\\t',comment='#',header=None).astype(str).to_parquet(O)",
    "eve": "import pandas as p; p.read_json(F,lines=True).astype(str).to_parquet(O)",
}
_DUCKDB = {
    "zeek": "import duckdb as d; d.sql(f\"copy (select * from read_csv('{F}',delim='\\t',header=false,skip=6,"
    "all_varchar=true)) to '{O}' (format parquet)\")",
    "eve": "import duckdb as d; d.sql(f\"copy (select * from read_ndjson('{F}')) to '{O}' (format parquet)\")",
}


def bind(at: int) -> str:
    """A question of BIND's query log."""
    clock = f"{at // 3_600_000 % 24:02}:{at // 60_000 % 60:02}:{at // 1000 % 60:02}.{at % 1000:03}"
    name = f"host{at % 5000}.results.example"
    return (
        f"22-Nov-2026 {clock} queries: info: client @0x7f98b8303098 192.0.2.{at % 250}#{1024 + at % 60000} ({name}): "
        f"query: {name} IN A +E(0)K (192.0.2.253)"
    )


def conn(at: int) -> str:
    """A connection of Zeek."""
    sent = at % 90_000
    return (
        f"{_START + at // 1000}.{at % 1000:03}000\tC{at:x}\t192.0.2.{at % 250}\t{1024 + at % 60000}"
        f"\t198.51.100.{at % 200}\t443\ttcp\tssl\t1.500000\t{sent}\t4096\tSF\tT\tF\t0\tShADadFf\t25"
        f"\t{sent + 1300}\t12\t4736\t-"
    )


def dns(at: int) -> str:
    """A lookup of Zeek."""
    return (
        f"{_START + at // 1000}.{at % 1000:03}000\tC{at:x}\t192.0.2.{at % 250}\t{1024 + at % 60000}"
        f"\t192.0.2.253\t53\tudp\t{at % 65536}\t0.001528\thost{at % 5000}.results.example\t1\tC_INTERNET\t1\tA\t0"
        "\tNOERROR\tF\tF\tT\tT\t0"
        f"\tedge.example,198.51.100.{at % 200}\t300.000000,60.000000\tF"
    )


def eve(at: int) -> str:
    """A record of Suricata: flows, questions and answers, handshakes in turn."""
    stamp = f"2026-11-22T{at // 3_600_000 % 24:02}:{at // 60_000 % 60:02}:{at // 1000 % 60:02}.{at % 1000:03}000+0000"
    ends = {"src_ip": f"192.0.2.{at // 4 % 250}", "src_port": 1024 + at // 4 % 60000}
    base = {"timestamp": stamp, "flow_id": 10**15 + at // 4, "in_iface": "eth0"}
    to = {"dest_ip": f"198.51.100.{at // 4 % 200}", "dest_port": 443, "proto": "TCP"}
    asked = {"dest_ip": "192.0.2.253", "dest_port": 53, "proto": "UDP"}
    name = f"host{at // 4 % 5000}.results.example"
    query = {"rrname": name, "rrtype": "A", "id": at // 4 % 65536, "version": 2}
    record: dict[str, object]
    if at % 4 == 0:
        record = {**base, "event_type": "dns", **ends, **asked, "dns": {"type": "query", "tx_id": 0, **query}}
    elif at % 4 == 1:
        answers = [{"rrname": name, "rrtype": "A", "ttl": 60, "rdata": "198.51.100.7"}]
        told = {"type": "answer", "flags": "8180", "qr": True, "rd": True, "ra": True, "rcode": "NOERROR", **query}
        record = {**base, "event_type": "dns", **ends, **asked, "dns": {**told, "answers": answers}}
    elif at % 4 == 2:
        hello = {"sni": name, "version": "TLS 1.3", "ja3": {}, "ja4": "t13d1516h2_8daaf6152771_02713d6af862"}
        record = {**base, "event_type": "tls", **ends, **to, "tls": hello}
    else:
        counts = {"pkts_toserver": 25, "pkts_toclient": 12, "bytes_toserver": 302870, "bytes_toclient": 4736}
        times = {"start": stamp, "end": stamp, "age": 1, "state": "closed", "reason": "shutdown", "alerted": False}
        record = {**base, "event_type": "flow", **ends, **to, "app_proto": "tls", "flow": {**counts, **times}}
    return json.dumps(record, separators=(",", ":"))


FORMATS: dict[str, tuple[Callable[[int], str], str, str, str]] = {
    "BIND query log": (bind, "", "lookups", "bind"),
    "Zeek conn": (conn, _HEAD.format("conn", _CONN.replace(" ", "\t")), "flows", "zeek"),
    "Zeek dns": (dns, _HEAD.format("dns", _DNS.replace(" ", "\t")), "lookups", "zeek"),
    "Suricata EVE": (eve, "", "flows", "eve"),
}
"""By name: what makes a line, what stands before, the table that is written, the peers' kind."""


def main() -> None:
    """Make the logs, time every command in turn, and print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        commands = [one for at, form in enumerate(FORMATS) for one in of(form, folder / f"{at}.log")]
        present = [one for one in commands if one.present]
        runs = timed(present)
    print(f"{LINES:,} lines, medians of {RUNS} runs in turn")
    print(f"{'command':34}{'seconds':>9}{'lines/s':>12}{'x grep':>8}{'MB':>7}")
    for name, each in runs.items():
        median = statistics.median(run.seconds for run in each)
        least = statistics.median(run.seconds for run in runs[f"{name.rpartition(', ')[0]}, grep -c ''"])
        memory = max(run.memory for run in each)
        print(f"{name:34}{median:>9.3f}{LINES / median:>12,.0f}{median / least:>8.1f}{memory:>7.0f}")


def of(form: str, log: Path) -> Iterator[Command]:
    """The commands that read one log, which this makes."""
    make, head, table, kind = FORMATS[form]
    with log.open("w") as file:
        file.write(head)
        file.writelines(f"{make(at)}\n" for at in range(LINES))
    out = str(log.with_suffix(".parquet"))
    yield Command(f"{form}, grep -c ''", ["sh", "-c", "grep -c '' \"$1\" | cat", "sh", str(log)])
    yield Command(f"{form}, flowwatch", [_PROGRAM, table, str(log), "-o", out, "--threads", "1"])
    for peer, programs in (("pandas", _PANDAS), ("duckdb", _DUCKDB)):
        if kind in programs:
            words = [sys.executable, "-c", f"F,O={str(log)!r},{out!r}\nimport {peer}\n{programs[kind]}"]
            yield Command(f"{form}, {peer}", words, slow=True)


if __name__ == "__main__":
    main()
