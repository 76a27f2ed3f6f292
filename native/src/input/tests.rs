use super::*;
use crate::unpack::Fault;

fn drain(mut input: Input) -> (Vec<u8>, Option<io::Error>, Sum) {
    let mut all = Vec::new();
    let error = loop {
        let end = all.len();
        match input.fill(&mut all, end, Duration::from_secs(5)) {
            Filled::Bytes(count) => all.truncate(end + count),
            Filled::Idle => panic!("a slice never makes one wait"),
            Filled::End(error) => {
                all.truncate(end);
                break error;
            }
        }
    };
    (all, error, input.sum())
}

fn from_read(source: Box<dyn Read + Send>, digest: bool) -> Input {
    Input::from_read(source, digest, Arc::default()).unwrap()
}

#[test]
fn all_bytes_arrive_in_order_with_their_digest() {
    let bytes: Vec<u8> = (0..3 * BLOCK + 17).map(|i| (i % 251) as u8).collect();
    let source = Box::new(io::Cursor::new(bytes.clone()));
    let (all, error, sum) = drain(from_read(source, true));
    assert!(error.is_none());
    assert_eq!(all, bytes);
    assert_eq!(sum.size, bytes.len() as u64);
    assert_eq!(sum.sha256.unwrap()[..], Sha256::digest(&bytes)[..]);
}

#[test]
fn no_digest_is_no_digest() {
    let (_, _, sum) = drain(from_read(Box::new(io::empty()), false));
    assert_eq!((sum.size, sum.sha256), (0, None));
}

#[test]
fn a_failing_source_gives_what_it_had() {
    struct Fails(bool);
    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.0, true) {
                return Err(io::Error::other("gone"));
            }
            buffer[..3].copy_from_slice(b"abc");
            Ok(3)
        }
    }
    let (all, error, _) = drain(from_read(Box::new(Fails(false)), false));
    assert_eq!(all, b"abc");
    assert_eq!(error.unwrap().to_string(), "gone");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_compressed_input_is_unpacked_and_digested_as_stored() {
    let bytes: Vec<u8> = (0..3 * BLOCK + 17).map(|i| (i * i % 251) as u8).collect();
    for (kind, stored) in
        [(Compression::Gzip, gzip(&bytes)), (Compression::Zstd, zstd::stream::encode_all(bytes.as_slice(), 1).unwrap())]
    {
        let (all, error, sum) = drain(from_read(Box::new(io::Cursor::new(stored.clone())), true));
        assert!(error.is_none() && all == bytes);
        assert_eq!((sum.size, sum.unpacked), (stored.len() as u64, Some((kind, bytes.len() as u64))));
        assert_eq!(sum.sha256.unwrap()[..], Sha256::digest(&stored)[..]);
    }
}

#[test]
fn behind_a_fault_all_that_is_stored_is_digested() {
    let stored = [gzip(b"first"), vec![7; 2 * BLOCK]].concat();
    let (all, error, sum) = drain(from_read(Box::new(io::Cursor::new(stored.clone())), true));
    assert_eq!(
        (all.as_slice(), error.and_then(|e| Fault::of(&e).map(|f| f.code))),
        (&b"first"[..], Some("bad_compression"))
    );
    assert_eq!((sum.size, sum.sha256.unwrap()[..] == Sha256::digest(&stored)[..]), (stored.len() as u64, true));
}

#[test]
fn a_source_that_gives_byte_by_byte_is_told_right() {
    struct Slow(io::Cursor<Vec<u8>>);
    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let end = buffer.len().min(1);
            self.0.read(&mut buffer[..end])
        }
    }
    for (stored, told) in [(gzip(b"first"), &b"first"[..]), (b"abc".to_vec(), b"abc")] {
        let (all, error, _) = drain(from_read(Box::new(Slow(io::Cursor::new(stored))), false));
        assert!(error.is_none() && all == told);
    }
}

#[test]
fn a_missing_file_is_an_error() {
    let error = Input::open(Path::new("does/not/exist"), false, Arc::default()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_plain_file_is_read_straight() {
    let path = std::env::temp_dir().join(format!("flowwatch-input-{}", std::process::id()));
    let bytes: Vec<u8> = (0..2 * PIECE + 17).map(|i| (i % 251) as u8).collect();
    std::fs::write(&path, &bytes).unwrap();
    let progress = Arc::new(AtomicU64::new(0));
    let input = Input::open(&path, false, Arc::clone(&progress)).unwrap();
    assert!(matches!(input.way, Way::Straight(_)));
    let (all, error, sum) = drain(input);
    std::fs::remove_file(&path).unwrap();
    assert!(error.is_none() && all == bytes);
    assert_eq!((sum.size, progress.load(Ordering::Relaxed)), (bytes.len() as u64, bytes.len() as u64));
}
