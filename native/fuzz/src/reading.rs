//! Captures read through the door that Python uses, and the laws of their account.

use std::io::Cursor;
use std::time::Duration;

use _native::capture::{Capture, Kind, Options, Turn};
use _native::coverage::Coverage;
use _native::error::Error;
use _native::front::Source;
use _native::jsonl;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_array::{Array, RecordBatch};

use super::wire::{self, File};

/// Link types whose frames may be 802.11, by themselves or behind what names the link type of the rest.
const WIRELESS: [u16; 7] = [105, 119, 127, 149, 163, 192, 258];

/// What a capture told.
#[derive(Debug)]
pub struct Told {
    /// FLOWS as JSON lines, sorted: no order is promised.
    pub flows: Vec<String>,
    /// LOOKUPS likewise.
    pub lookups: Vec<String>,
    pub coverage: Coverage,
}

/// Reads a capture to its end. Every record is used or skipped, every row is counted, and no packet is in two flows.
pub fn read(bytes: &[u8]) -> Result<Told, Error> {
    read_files(&[bytes], Options { digests: true, ..Options::default() })
}

/// The same of files that are read as one stream; the coverage is that of the last.
pub fn read_files(files: &[&[u8]], options: Options) -> Result<Told, Error> {
    let source = |file: &&[u8]| ("any".to_owned(), Source::Stream(Box::new(Cursor::new(file.to_vec()))));
    let mut capture = Capture::of(files.iter().map(source).collect(), options)?;
    let mut rows = [Vec::new(), Vec::new()];
    let mut packets = 0;
    loop {
        match capture.next(Duration::from_secs(1))? {
            Turn::Batch(kind, batch) => {
                let table = usize::from(kind == Kind::Lookups);
                jsonl::write(&batch, &mut rows[table]).expect("rows can be written");
                packets += ["src_packets", "dst_packets"].iter().map(|column| sum(&batch, column)).sum::<u64>();
            }
            Turn::Idle => {}
            Turn::End => break,
        }
    }
    let [flows, lookups] = rows.map(|lines| sorted(&lines));
    let coverage = capture.coverage();
    let total = |count: fn(&Coverage) -> u64| coverage.iter().map(count).sum::<u64>();
    assert!(coverage.iter().all(Coverage::is_lawful), "{coverage:?}");
    assert_eq!((flows.len() as u64, lookups.len() as u64), (total(|c| c.tally.flows), total(|c| c.tally.lookups)));
    let used = total(|c| c.used);
    // A frame of 802.11 may carry several packets.
    let is_wireless = coverage.iter().any(|c| c.link_types.iter().any(|link| WIRELESS.contains(link)));
    assert!(packets <= used || is_wireless, "{packets} packets in flows, {used} used");
    assert!(flows.len() as u64 <= used || is_wireless);
    assert!(coverage.iter().all(|c| c.tally.one_way_flows <= c.tally.flows));
    let coverage = coverage.last().cloned().expect("there is a file");
    Ok(Told { flows, lookups, coverage })
}

fn sum(batch: &RecordBatch, column: &str) -> u64 {
    let Some(column) = batch.column_by_name(column) else { return 0 };
    let counts = column.as_primitive::<UInt64Type>();
    (0..counts.len()).filter(|row| counts.is_valid(*row)).map(|row| counts.value(row)).sum()
}

fn sorted(lines: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(lines).expect("JSON is UTF-8");
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// What was recognised in a TCP conversation in which the ends take these turns is the same for any segments.
///
/// Not of SOCKS 4, which is told only while nothing follows the request.
pub fn same_for_any_segments(turns: &[&[u8]], sizes: &[usize]) {
    let front = |side| turns.iter().skip(side).step_by(2).find_map(|turn| turn.first());
    if [front(0), front(1)].contains(&Some(&4)) {
        return;
    }
    let told: Vec<_> = sizes.iter().map(|size| recognised(&wire::dialogue(turns, *size))).collect();
    for (size, other) in sizes.iter().zip(&told) {
        if lost_its_place(&other.0) && lost_its_place(&told[0].0) {
            assert_eq!(first_request(&other.0), first_request(&told[0].0), "segments of {size} and {} bytes", sizes[0]);
        } else {
            assert_eq!(*other, told[0], "segments of {size} and {} bytes", sizes[0]);
        }
    }
}

/// Whether HTTP messages could perhaps not be told apart: then one that begins a segment is where they are read on.
fn lost_its_place(row: &str) -> bool {
    let in_clear = [r#""src_clear":true"#, r#""dst_clear":true"#].iter().all(|clear| row.contains(clear));
    row.contains(r#""app":"http""#) && !in_clear
}

/// What a row says of the first request.
fn first_request(row: &str) -> &str {
    let from = row.find(r#""http_"#).unwrap_or(row.len());
    let to = row.find(r#""http_hosts""#).unwrap_or(row.len());
    row.get(from..to).unwrap_or_default()
}

/// What the columns behind the counts say of the only conversation of a file, and its lookups' names and answers.
pub fn recognised(file: &File) -> (String, Vec<String>) {
    let told = read(&file.0).expect("the file is a capture");
    let flow = told.flows.first().map_or("", String::as_str);
    let facts = flow.find(r#""vlan""#).and_then(|at| flow.get(at..)).unwrap_or_default();
    let mut lookups: Vec<_> = told.lookups.iter().map(|row| what_was_asked(row)).collect();
    lookups.sort_unstable();
    (facts.to_owned(), lookups)
}

/// A row of LOOKUPS without the records and times that depend on where segments end.
fn what_was_asked(row: &str) -> String {
    without(row, &["record", "offset", "time", "asked", "answer_record", "answer_offset", "latency"])
}

/// A row without these fields.
pub fn without(row: &str, names: &[&str]) -> String {
    let is_named = |field: &str| {
        let field = field.trim_start_matches('{');
        names.iter().any(|name| field.strip_prefix('"').is_some_and(|rest| rest.starts_with(&format!("{name}\":"))))
    };
    row.split(',').filter(|field| !is_named(field)).collect::<Vec<_>>().join(",")
}
