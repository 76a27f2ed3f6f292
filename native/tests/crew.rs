//! The rows do not depend on the number of threads, nor on where a capture is cut into files.

mod wire;

use _native::capture::Options;
use _native::front::Source;
use wire::{ACK, File, PUSH, SYN, read_all, read_for};

const FIN: u8 = 17;

/// Conversations of many hosts, interleaved: uploads in segments out of order, questions with and without answers.
fn crowd() -> File {
    let mut file = File::new();
    let question = |host: u8| {
        [&[0, host, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1][..], &[b'a' + host % 26], b"\x00\x00\x01\x00\x01"].concat()
    };
    let request = b"PUT /tally HTTP/1.1\r\nHost: results.example\r\nContent-Length: 8\r\n\r\n";
    let end = 101 + request.len() as u32;
    for turn in 0..480_u16 {
        let (host, step) = ((turn / 40 * 5 + turn % 5) as u8, turn % 40 / 5);
        file.from(host);
        match step {
            0 => file.udp(true, &question(host)),
            1 => file.tcp(true, SYN, 100, 0, b""),
            2 => file.tcp(false, SYN | ACK, 900, 101, b""),
            3 => file.tcp(true, PUSH, end, 901, b"5678"),
            4 => file.tcp(true, PUSH, 101, 901, request),
            5 if host % 3 > 0 => file.udp(false, &[&[0, host, 0x81, 0x80], &question(host)[4..]].concat()),
            6 => file.tcp(true, FIN, end + 8, 901, b""),
            _ => file.tcp(false, ACK, 901, end + 9, b""),
        };
    }
    file
}

#[test]
fn any_number_of_threads_gives_the_same_rows() {
    let whole = crowd().0;
    let (rows, coverage) = read_for(&whole, Options::default()).unwrap();
    assert_eq!((coverage.tally.flows, coverage.tally.lookups), (120, 60));
    for threads in [2, 3, 8, 100] {
        for eager in [false, true] {
            let (again, told) = read_for(&whole, Options { threads, eager, ..Options::default() }).unwrap();
            assert_eq!(again, rows, "{threads} threads");
            assert_eq!(format!("{told:?}"), format!("{coverage:?}"));
        }
    }
}

/// Each file as a capture of its own, with the header of the whole.
fn files(whole: &[u8], cuts: &[usize]) -> Vec<(String, Source)> {
    let (header, records) = whole.split_at(24);
    let edges: Vec<usize> = [0].into_iter().chain(cuts.iter().copied()).chain([records.len()]).collect();
    let file =
        |edge: &[usize]| Source::Stream(Box::new(std::io::Cursor::new([header, &records[edge[0]..edge[1]]].concat())));
    edges.windows(2).map(|edge| ("night".to_owned(), file(edge))).collect()
}

/// Rows without what tells where in which file they stand.
fn placeless(rows: [String; 2]) -> [Vec<String>; 2] {
    rows.map(|rows| {
        let mut rows: Vec<String> = rows.lines().map(strip).collect();
        rows.sort();
        rows
    })
}

fn strip(row: &str) -> String {
    let placing =
        ["first_record", "last_record", "first_offset", "record", "offset", "answer_record", "answer_offset", "parts"];
    let is_place =
        |field: &str| placing.iter().any(|name| field.trim_start_matches('{').starts_with(&format!("\"{name}\":")));
    row.split(',').filter(|field| !is_place(field)).collect::<Vec<_>>().join(",")
}

#[test]
fn a_capture_cut_at_every_packet_gives_the_rows_of_the_whole() {
    let file = crowd();
    let (whole, _) = read_all(files(&file.0, &[]), Options::default());
    let whole = placeless(whole);
    for edge in file.edges().into_iter().step_by(7) {
        let (rows, coverage) = read_all(files(&file.0, &[edge]), Options::default());
        assert_eq!(placeless(rows), whole, "cut at {edge}");
        assert!(coverage.iter().all(|one| one.is_lawful() && one.error.is_none()));
        assert_eq!(coverage.iter().map(|one| one.records).sum::<u64>(), file.edges().len() as u64 + 1);
        assert_eq!(coverage.iter().map(|one| one.tally.flows).sum::<u64>(), 120);
    }
    let each: Vec<usize> = file.edges();
    assert_eq!(placeless(read_all(files(&file.0, &each), Options::default()).0), whole);
}

#[test]
fn a_later_source_that_is_no_capture_is_told_in_its_coverage() {
    let file = crowd();
    let mut sources = files(&file.0, &[file.edges()[200]]);
    sources.insert(1, ("note".into(), Source::Stream(Box::new(std::io::Cursor::new(b"no capture".to_vec())))));
    sources.push(("gone".into(), Source::Path("does/not/exist".into())));
    let (rows, coverage) = read_all(sources, Options { digest: true, ..Options::default() });
    assert_eq!(rows[0].lines().count(), 120);
    let codes: Vec<_> = coverage.iter().map(|one| one.error.as_ref().map(|stop| stop.code)).collect();
    assert_eq!(codes, [None, Some("not_a_capture"), None, Some("read_error")]);
    assert_eq!((coverage[1].size, coverage[1].records), (10, 0));
    assert!(coverage[1].sha256.is_some());
}

#[test]
fn a_source_that_begins_too_early_does_not_go_on_with_the_one_before() {
    let file = crowd();
    let twice = || files(&file.0, &[]).into_iter().chain(files(&file.0, &[])).collect();
    let alone = placeless(read_all(files(&file.0, &[]), Options::default()).0);
    let doubled = alone.clone().map(|rows| {
        let mut rows = [rows.clone(), rows].concat();
        rows.sort();
        rows
    });
    assert_eq!(placeless(read_all(twice(), Options { in_time: true, ..Options::default() }).0), doubled);
    assert_ne!(placeless(read_all(twice(), Options::default()).0), doubled);
}
