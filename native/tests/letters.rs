//! Letters of SMTP and the files in them, told by their SHA-256: segments of any size, dots, chunks, and letters cut short.

mod wire;

use _native::capture::Options;
use sha2::{Digest, Sha256};
use wire::{File, dialogue, has, read_for};

const GREETING: &[u8] = b"220 mx.example ESMTP\r\n";
const LETTER: &str = "From: a@site.example\r\nTo: b@centre.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n \
boundary=\"=_x\"\r\n\r\nThis is MIME.\r\n--=_x\r\nContent-Type: text/plain\r\n\r\nThe tallies.\r\n.dot\r\n--=_x\r\n\
Content-Type: application/octet-stream; name=\"t.bin\"\r\nContent-Transfer-Encoding: BASE64\r\n\r\ncmVzdWx0\r\nczEyMw==\r\n\
--=_x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc=E9=0A=zz=\r\n--=_x--\r\n";

/// The rows of FLOWS, and the limits that were hit, with digests taken.
fn read(file: &File) -> (String, Vec<(&'static str, u64)>) {
    let ([flows, _], coverage) = read_for(&file.0, Options { digests: true, ..Options::default() }).unwrap();
    (flows, coverage.tally.limits.into_iter().collect())
}

/// The column's text where these were the files.
fn list(files: &[&[u8]]) -> String {
    let hex = |file: &[u8]| Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut hexes: Vec<String> = files.iter().map(|file| format!("\"{}\"", hex(file))).collect();
    hexes.sort_unstable();
    format!("\"src_payload_sha256\":[{}]", hexes.join(","))
}

/// What the client says, with a letter as DATA carries it.
fn sent(letter: &str) -> Vec<u8> {
    let stuffed = letter.replace("\r\n.", "\r\n..");
    format!(
        "EHLO a.example\r\nMAIL FROM:<a@site.example>\r\nRCPT TO:<b@centre.example>\r\nDATA\r\n{stuffed}.\r\nQUIT\r\n"
    )
    .into_bytes()
}

#[test]
fn a_letter_and_its_files_are_told() {
    let files: [&[u8]; 4] = [LETTER.as_bytes(), b"The tallies.\r\n.dot", b"results123", b"a=bc\xe9\n=zz"];
    for size in [1, 2, 3, 7, 50, 5000] {
        let (flows, limits) = read(&dialogue(&[b"", GREETING, &sent(LETTER)], size));
        has(&flows, r#""app":"smtp""#);
        has(&flows, &list(&files));
        assert!(limits.is_empty(), "{size}: {limits:?}");
    }
}

#[test]
fn a_letter_without_parts_is_its_body() {
    let letter = "Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\ncmVz dWx0\r\ncw\r\n";
    let (flows, _) = read(&dialogue(&[b"", GREETING, &sent(letter)], 9));
    has(&flows, &list(&[letter.as_bytes(), b"results"]));
    let (flows, _) = read(&dialogue(&[b"", GREETING, &sent("\r\nhello\r\n")], 9));
    has(&flows, &list(&[b"\r\nhello\r\n", b"hello\r\n"]));
    let (flows, limits) = read(&dialogue(&[b"", GREETING, &sent("")], 9));
    has(&flows, r#""src_payload_sha256":[]"#);
    assert!(limits.is_empty(), "{limits:?}");
}

#[test]
fn chunks_are_one_letter() {
    let letter = "\r\n.not doubled\r\n.\r\n".as_bytes();
    for size in [1, 4, 5000] {
        let mut said = b"EHLO a.example\r\nBDAT 5\r\n".to_vec();
        said.extend(&letter[..5]);
        said.extend(format!("BDAT {}\r\n", letter.len() - 5).bytes());
        said.extend(&letter[5..]);
        said.extend(b"BDAT 0 LAST\r\nBDAT 3 last\r\n\r\nxMAIL FROM:<>\r\nBDAT 2 LAST\r\n\r\n");
        let (flows, limits) = read(&dialogue(&[b"", GREETING, &said], size));
        has(&flows, &list(&[letter, &letter[2..], b"\r\nx", b"x", b"\r\n"]));
        assert!(limits.is_empty(), "{size}: {limits:?}");
    }
}

#[test]
fn a_letter_cut_short_has_no_digest() {
    let whole = sent(LETTER);
    let (flows, limits) = read(&dialogue(&[b"", GREETING, &whole[..whole.len() - 9]], 50));
    assert_eq!(limits, [("bodies_cut", 1)]);
    has(&flows, &list(&[b"The tallies.\r\n.dot", b"results123"]));
}

#[test]
fn what_is_sealed_is_not_told_as_nothing() {
    let said = b"EHLO a.example\r\nSTARTTLS\r\n";
    let (flows, _) = read(&dialogue(&[b"", GREETING, said, b"220 go\r\n", b"\x16\x03\x01"], 50));
    assert!(!flows.contains("src_payload_sha256"), "{flows}");
}
