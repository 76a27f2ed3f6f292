//! Laws of the digests: how a body is cut into pieces never matters, and each is that of the bytes as a file.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;
use crate::recognise::any_bytes::{Dice, mutations};

fn sha(bytes: &[u8]) -> Sha {
    Sha256::digest(bytes).into()
}

/// The digests of these, as they are told.
fn shas(files: &[&[u8]]) -> Option<Vec<Sha>> {
    let mut shas: Vec<Sha> = files.iter().map(|file| sha(file)).collect();
    shas.sort_unstable();
    Some(shas)
}

/// The digests of one whole body, shown in pieces of `size`.
fn read(content: Content<'_>, body: &[u8], size: usize) -> Digests {
    let mut digests = Digests::default();
    digests.begin(0, content);
    body.chunks(size).for_each(|piece| digests.data(0, piece));
    digests.end(0, true);
    digests
}

fn coded(coding: &str) -> Content<'_> {
    Content { coding: Some(coding.as_bytes()), kind: None }
}

fn form() -> Content<'static> {
    Content { coding: None, kind: Some(b"Multipart/Form-Data; charset=utf-8; Boundary=\"frontier\"") }
}

fn upload(files: &[&[u8]]) -> Vec<u8> {
    let mut body = b"preamble\r\n--frontie\r\n--frontierless".to_vec();
    for file in files {
        body.extend(b"\r\n--frontier \t\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n");
        body.extend_from_slice(file);
    }
    body.extend(b"\r\n--frontier--\r\nepilogue");
    body
}

/// The bytes in gzip, in zlib's frame, or in bare deflate.
fn packed(form: usize, bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let level = Compression::fast();
    let written = match form {
        0 => GzEncoder::new(&mut packed, level).write_all(bytes),
        1 => ZlibEncoder::new(&mut packed, level).write_all(bytes),
        _ => DeflateEncoder::new(&mut packed, level).write_all(bytes),
    };
    written.unwrap();
    packed
}

#[test]
fn a_body_has_the_digest_of_its_bytes() {
    let body: Vec<u8> = (0..=255).cycle().take(5000).collect();
    for size in [1, 7, 64, 5000] {
        assert_eq!(read(Content::default(), &body, size).told(), Some(&[sha(&body)][..]), "{size}");
    }
    assert_eq!(read(Content::default(), b"", 1).told(), Some(&[][..]), "an empty body has none");
}

#[test]
fn what_was_packed_has_both_digests() {
    let text = b"result ".repeat(700);
    for (form, coding) in [(0, "gzip"), (0, "X-GZIP"), (1, "deflate"), (2, "deflate")] {
        let body = packed(form, &text);
        for size in [1, 3, 5000] {
            let told = read(coded(coding), &body, size);
            assert_eq!(told.told().map(<[Sha]>::to_vec), shas(&[&body, &text]), "{coding} {size}");
            assert_eq!(told.lost(), Lost::default());
        }
    }
}

#[test]
fn what_is_not_unpacked_is_counted() {
    let broken = [packed(0, b"results"), b"behind".to_vec()].concat();
    let short = &packed(1, b"results")[..5];
    for (coding, body) in
        [("br", &b"x"[..]), ("gzip, gzip", b"x"), ("gzip", &broken), ("deflate", short), ("gzip", b"x")]
    {
        let told = read(coded(coding), body, 4);
        assert_eq!((told.told(), told.lost().packed), (Some(&[sha(body)][..]), 1), "{coding}");
    }
    assert_eq!(read(coded("identity"), b"x", 1).lost(), Lost::default());
}

#[test]
fn each_part_of_an_upload_has_its_own_digest() {
    let files: [&[u8]; 6] =
        [b"one", b"", b"\r\n--frontie\r\n", b"--frontier", b"\r\n--frontierless\r\n", b"a\r\n--frontier-\r\nb\r\r\n"];
    let body = upload(&files);
    // What stands at the front of a part as a delimiter does is one, and an empty part has no digest.
    let expected = shas(&[files[0], files[2], files[4], files[5], &body]);
    for size in 1..100 {
        assert_eq!(read(form(), &body, size).told().map(<[Sha]>::to_vec), expected, "{size}");
    }
}

#[test]
fn parts_are_found_in_what_was_packed() {
    let body = upload(&[b"one", b"two"]);
    let packed = packed(0, &body);
    let told = read(Content { coding: Some(b"gzip"), ..form() }, &packed, 10);
    assert_eq!(told.told().map(<[Sha]>::to_vec), shas(&[&packed, b"one", b"two", &body]));
}

#[test]
fn a_body_that_was_cut_has_none_and_its_whole_parts_have() {
    let mut digests = Digests::default();
    digests.begin(0, form());
    digests.data(0, &upload(&[b"one", b"two"])[..160]);
    digests.end(0, false);
    assert_eq!((digests.told(), digests.lost().cut), (Some(&[sha(b"one")][..]), 1));
    let mut digests = Digests::default();
    digests.begin(0, Content::default());
    digests.end(0, false);
    assert_eq!(digests.told(), None);
}

#[test]
fn digests_are_kept_once_and_bounded() {
    let mut digests = Digests::default();
    for round in 0..2 * MOST + 10 {
        digests.begin(0, Content::default());
        digests.data(0, &(round % (MOST + 5)).to_be_bytes());
        digests.end(0, true);
    }
    assert_eq!(digests.told().map(<[Sha]>::len), Some(MOST));
    assert_eq!(digests.lost().many, 10);
    assert!(digests.held() <= MOST * 32);
}

#[test]
fn any_bytes_cut_anywhere_give_the_same() {
    let seeds = [upload(&[b"one", b"\r\n--", b"two"]), packed(0, b"results"), b"\r\n\r\n--frontier\r\n".to_vec()];
    let mut dice = Dice(3);
    mutations(&seeds, 2000, |bytes| {
        for content in [form(), Content { coding: Some(b"gzip"), ..form() }, coded("deflate")] {
            let whole = read(content, bytes, bytes.len().max(1));
            let pieces = read(content, bytes, 1 + dice.below(9));
            assert_eq!((whole.told(), whole.lost()), (pieces.told(), pieces.lost()), "{bytes:?}");
        }
    });
}

#[test]
fn only_a_sound_boundary_makes_parts() {
    for kind in [
        "text/plain; boundary=x",
        "multipart/mixed",
        "multipart/mixed; boundary=\"\"",
        "multipart/mixed; boundary=\"a\rb\"",
    ] {
        assert!(Parts::of(kind.as_bytes()).is_none(), "{kind:?}");
    }
    assert!(Parts::of(format!("multipart/mixed; boundary={}", "x".repeat(201)).as_bytes()).is_none());
    assert!(Parts::of(b"multipart/related; boundary=x").is_some());
}

#[test]
fn a_letter_cut_anywhere_gives_the_same() {
    let mixed = b"\nContent-Type: multipart/mixed; boundary=frontier\r\n\r\n--frontier\r\nContent-Transfer-Encoding: base64\r\n\r\n\
        cmVzdWx0czEy=\r\n--frontier\r\ncontent-transfer-encoding : quoted-printable\r\n\r\n=3d=\r\n..=4\r\n--frontier--\r\n";
    let alone = b"\nContent-Transfer-Encoding:\r\n base64\n\ncmVz\r\n..dWx0cw\r\n";
    let mut dice = Dice(4);
    let read = |bytes: &[u8], size: usize, is_stuffed: bool| {
        let mut digests = Digests::default();
        digests.begin_letter(is_stuffed);
        bytes.chunks(size).for_each(|piece| digests.letter(piece));
        digests.end_letter();
        digests.told().map(<[Sha]>::to_vec)
    };
    mutations(&[mixed.to_vec(), alone.to_vec()], 2000, |bytes| {
        for is_stuffed in [true, false] {
            let whole = read(bytes, bytes.len().max(1), is_stuffed);
            assert_eq!(whole, read(bytes, 1 + dice.below(9), is_stuffed), "{bytes:?}");
        }
    });
    assert!(read(mixed, 5, true).is_some_and(|told| told.contains(&sha(b"results12")) && told.contains(&sha(b"=.=4"))));
    assert!(read(alone, 5, true).is_some_and(|told| told.contains(&sha(b"results"))));
}
