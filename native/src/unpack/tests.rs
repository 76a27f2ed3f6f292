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

fn xz(bytes: &[u8]) -> Vec<u8> {
    liblzma::encode_all(bytes, 1).unwrap()
}

fn bzip2(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::bzip2::write::BzEncoder::new(Vec::new(), ::bzip2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    lz4_of(bytes, lz4_flex::frame::BlockMode::Linked)
}

/// With every checksum and the length told.
fn lz4_of(bytes: &[u8], mode: lz4_flex::frame::BlockMode) -> Vec<u8> {
    let info = lz4_flex::frame::FrameInfo::new()
        .block_mode(mode)
        .block_size(lz4_flex::frame::BlockSize::Max64KB)
        .block_checksums(true)
        .content_checksum(true)
        .content_size(Some(bytes.len() as u64));
    let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A legacy frame: its blocks and nothing else.
fn lz4_legacy(bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\x02\x21\x4c\x18".to_vec();
    for block in bytes.chunks(1 << 16) {
        let packed = lz4_flex::block::compress(block);
        out.extend_from_slice(&(packed.len() as u32).to_le_bytes());
        out.extend_from_slice(&packed);
    }
    out
}

type Pack = fn(&[u8]) -> Vec<u8>;

/// Every way to pack bytes.
const WAYS: [Pack; 6] = [gzip, zstd, xz, bzip2, lz4, lz4_legacy];

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
        [xz(&a), xz(&b)].concat(),
        [xz(&a), vec![0; 8], xz(b""), xz(&b), vec![0; 3000]].concat(),
        [bzip2(&a), bzip2(&b)].concat(),
        [bzip2(&a), bzip2(b""), bzip2(&b), vec![0; 5]].concat(),
        [lz4(&a), lz4(&b)].concat(),
        [&lz4(&a), SKIPPABLE, &lz4(b""), SKIPPABLE, &lz4_of(&b, lz4_flex::frame::BlockMode::Independent)].concat(),
        [lz4_legacy(&a), lz4_legacy(&b)].concat(),
        [lz4(&a), lz4_legacy(&b)].concat(),
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
    let twice = WAYS.map(|pack| [pack(b"first"), pack(b"second")].concat());
    for stored in WAYS.map(|pack| pack(text)).into_iter().chain(twice) {
        let (whole, _) = unpacked(&stored, 4096);
        let mut before = 0;
        for cut in (Compression::MAGIC..stored.len()).step_by(if stored.len() < 500 { 1 } else { 31 }) {
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
    let long = text().repeat(8);
    for stored in [gzip(&text()), zstd(&text()), xz(&long), bzip2(&text()), lz4(&text())] {
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
    for stored in [
        [&gzip(b"first")[..], b"\0\0rest"].concat(),
        [&zstd(b"first")[..], b"rest"].concat(),
        [&xz(b"first")[..], b"\0\0\0\0rest of it as well"].concat(),
        [&bzip2(b"first")[..], b"rest"].concat(),
        [&lz4(b"first")[..], b"rest"].concat(),
    ] {
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
    let noise: Vec<u8> = (0..400_000_u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
    for stored in WAYS.map(|pack| pack(&[noise.as_slice(), &text()].concat())) {
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
    let seeds = WAYS.map(|pack| [pack(b"some text"), pack(text)]);
    for round in 0..900 {
        let [short, long] = &seeds[round % WAYS.len()];
        let mut stored = [short, if round % 2 == 0 { short } else { long }].map(Vec::as_slice).concat();
        for _ in 0..=random() % 4 {
            let at = 10 + random() as usize % (stored.len() - 10);
            stored[at] = random() as u8;
        }
        unpacked(&stored, 1 + random() as usize % 5000);
    }
}

#[test]
fn an_xz_dictionary_beyond_the_limit_is_refused_in_words() {
    let mut options = liblzma::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(1 << 28);
    let mut filters = liblzma::stream::Filters::new();
    filters.lzma2(&options);
    let stream = Stream::new_stream_encoder(&filters, liblzma::stream::Check::Crc32).unwrap();
    let mut stored = Vec::new();
    liblzma::bufread::XzEncoder::new_stream(&b"text"[..], stream).read_to_end(&mut stored).unwrap();
    let (bytes, fault) = unpacked(&stored, 4096);
    let fault = fault.unwrap();
    assert_eq!((bytes.len(), fault.code), (0, "bad_compression"));
    assert!(fault.message.contains("a window of more than 128 MiB"), "{fault}");
}

#[test]
fn a_block_of_lz4_longer_than_its_frame_allows_is_refused() {
    let mut frame = lz4(b"some text");
    let descriptor = 4 + 2 + 8 + 1;
    frame[descriptor..descriptor + 4].copy_from_slice(&0x7fff_ffff_u32.to_le_bytes());
    let (bytes, fault) = unpacked(&frame, 4096);
    assert_eq!((bytes.len(), fault.unwrap().code), (0, "bad_compression"));
}

#[test]
fn text_that_begins_as_bzip2_does_is_none() {
    assert_eq!(Compression::of(b"BZh9 is how a line of text may begin"), None);
    assert_eq!(Compression::of(b"BZh91AY"), Some(Compression::Bzip2));
    for (kind, pack) in Compression::ALL.into_iter().zip(WAYS) {
        assert_eq!(Compression::of(&pack(b"text")), Some(kind));
        assert_eq!(Compression::named(kind.text()), Some(kind));
    }
}
