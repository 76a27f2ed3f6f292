use super::*;
use flate2::write::GzEncoder;
use std::io::Write;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// All that is unpacked, and the fault; `piece` bytes come at once.
fn unpacked(stored: &[u8], piece: usize) -> (Vec<u8>, Option<Fault>) {
    let source = io::BufReader::with_capacity(piece, stored);
    let mut unpack = Unpack::new(Compression::of(stored).unwrap(), source).unwrap();
    let mut all = Vec::new();
    let error = loop {
        let mut bytes = [0; 1000];
        match unpack.read(&mut bytes) {
            Ok(0) => break None,
            Ok(read) => all.extend_from_slice(&bytes[..read]),
            Err(error) => break Some(Fault::of(&error).cloned().unwrap()),
        }
    };
    assert_eq!(unpack.read(&mut [0; 8]).unwrap(), 0, "after the end there is nothing");
    (all, error)
}

/// More than two blocks of zstd.
fn text() -> Vec<u8> {
    (0..80_000_u32).flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 20).to_le_bytes()).collect()
}

const SKIPPABLE: &[u8] = b"\x5a\x2a\x4d\x18\x03\x00\x00\x00abc";

#[test]
fn members_and_frames_are_one_stream() {
    let (a, b) = (text()[..9000].to_vec(), b"second".to_vec());
    let whole = [a.clone(), b.clone()].concat();
    let streams = [
        [gzip(&a), gzip(&b)].concat(),
        [gzip(&a), gzip(b""), gzip(&b), vec![0; 3000]].concat(),
        [zstd(&a), zstd(&b)].concat(),
        [SKIPPABLE, &zstd(&a), SKIPPABLE, &zstd(&b), SKIPPABLE].concat(),
    ];
    for stream in streams {
        for piece in [1, 7, 4096, 1 << 20] {
            assert_eq!(unpacked(&stream, piece), (whole.clone(), None));
        }
    }
}

#[test]
fn a_stream_cut_anywhere_keeps_what_came_before() {
    let text = &text()[..9000];
    for stored in [gzip(text), zstd(text), [gzip(b"first"), gzip(b"second")].concat()] {
        let (whole, _) = unpacked(&stored, 4096);
        let mut before = 0;
        for cut in (4..stored.len()).step_by(31) {
            let (bytes, fault) = unpacked(&stored[..cut], 4096);
            assert_eq!(bytes[..], whole[..bytes.len()]);
            assert!(bytes.len() >= before, "cut at {cut}");
            before = bytes.len();
            let Some(fault) = fault else { continue };
            assert_eq!((fault.code, fault.offset), ("truncated", cut as u64), "{fault}");
        }
    }
    assert!(unpacked(&gzip(b"first")[..20], 4096).1.is_some());
}

#[test]
fn damage_is_told_with_its_place() {
    for stored in [gzip(&text()), zstd(&text())] {
        let (whole, _) = unpacked(&stored, 4096);
        let mut damaged = stored.clone();
        let middle = stored.len() / 2;
        damaged[middle..middle + 64].fill(0xa5);
        let (bytes, fault) = unpacked(&damaged, 4096);
        let fault = fault.unwrap();
        assert_eq!(fault.code, "bad_compression");
        assert!(fault.offset >= middle as u64 && !bytes.is_empty(), "{fault}");
        let same = bytes.iter().zip(&whole).take_while(|(a, b)| a == b).count();
        assert!(same > 0);
    }
}

#[test]
fn what_is_no_stream_behind_one_is_a_fault() {
    for stored in [[&gzip(b"first")[..], b"\0\0rest"].concat(), [&zstd(b"first")[..], b"rest"].concat()] {
        let (bytes, fault) = unpacked(&stored, 4096);
        assert_eq!((bytes.as_slice(), fault.unwrap().code), (&b"first"[..], "bad_compression"));
    }
}

#[test]
fn a_window_beyond_the_limit_is_refused_in_words() {
    // Frame header: no single segment, window of 2^30 bytes.
    let (bytes, fault) = unpacked(b"\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00", 4096);
    let fault = fault.unwrap();
    assert_eq!((bytes.len(), fault.code), (0, "bad_compression"));
    assert!(fault.message.contains("a window of more than 128 MiB"), "{fault}");
}

#[test]
fn an_error_of_the_source_is_passed_on() {
    struct Gone;
    impl Read for Gone {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    for stored in [gzip(&text()), zstd(&text())] {
        let half = &stored[..stored.len() / 8 * 7];
        let mut unpack = Unpack::new(Compression::of(half).unwrap(), io::BufReader::new(half.chain(Gone))).unwrap();
        let mut all = Vec::new();
        let error = unpack.read_to_end(&mut all).unwrap_err();
        assert_eq!((error.to_string().as_str(), Fault::of(&error)), ("gone", None));
        assert!(!all.is_empty());
    }
}

#[test]
fn any_bytes_never_panic() {
    let mut random = crate::dice::dice();
    let text = &text()[..3000];
    let seeds = [gzip(b"some text"), zstd(b"some text"), gzip(text), zstd(text)];
    for round in 0..600 {
        let mut stored = [seeds[round % 2].as_slice(), &seeds[round % 4]].concat();
        for _ in 0..=random() % 4 {
            let at = 4 + random() as usize % (stored.len() - 4);
            stored[at] = random() as u8;
        }
        unpacked(&stored, 1 + random() as usize % 5000);
    }
}
