//! Laws of the lines: what tells a protocol, what is passed over, and where FTP listens.

use super::*;
use crate::recognise::any_bytes::mutations;

#[test]
fn a_word_of_its_own_tells_the_protocol() {
    for (lines, protocol) in [
        (&b"ehlo client.example\r\n"[..], Protocol::Smtp),
        (b"EHLO\n", Protocol::Smtp),
        (b"NOOP\r\nMAIL FROM:<a@b.example>\r\n", Protocol::Smtp),
        (b"a001 STARTTLS\r\n", Protocol::Imap),
        (b". capability\r\n", Protocol::Imap),
        (b"USER night\r\nPASS x\r\nUIDL\r\n", Protocol::Pop3),
        (b"USER night\r\nPASS x\r\nSYST\r\n", Protocol::Ftp),
        (b"EPRT |2|2001:db8::7|2121|\n", Protocol::Ftp),
    ] {
        assert_eq!(asked(lines, None), Outcome::Found(protocol));
        for end in 0..lines.len() {
            assert_eq!(asked(&lines[..end], None), Outcome::NeedMore, "{:?}", lines[..end].escape_ascii().to_string());
        }
    }
}

#[test]
fn what_a_server_says_first_tells_the_protocol() {
    for (lines, protocol) in [
        (&b"220 mail.example ESMTP ready\r\n"[..], Protocol::Smtp),
        (b"220-welcome\r\n220 to here\r\n250-mail.example\r\n", Protocol::Smtp),
        (b"220 files here\r\n331 password?\r\n", Protocol::Ftp),
        (b"220 FTP Sandbox\r\n", Protocol::Ftp),
        (b"227 Entering Passive Mode (192,0,2,7,8,73).\r\n", Protocol::Ftp),
        (b"+OK ready\r\n", Protocol::Pop3),
        (b"* OK [CAPABILITY IMAP4rev1] ready\r\n", Protocol::Imap),
    ] {
        assert_eq!(answered(lines, None), Outcome::Found(protocol));
        for end in 0..lines.len() {
            assert_eq!(answered(&lines[..end], None), Outcome::NeedMore);
        }
    }
}

#[test]
fn words_that_several_share_need_the_other_side() {
    for lines in [&b"USER night\r\nPASS x\r\n"[..], b"QUIT\r\n"] {
        assert_eq!(asked(lines, None), Outcome::NeedMore);
        assert_eq!(asked(lines, Some(Protocol::Pop3)), Outcome::Found(Protocol::Pop3));
    }
    assert_eq!(answered(b"220 hello\r\n", None), Outcome::NeedMore);
    assert_eq!(answered(b"220 hello\r\n", Some(Protocol::Smtp)), Outcome::Found(Protocol::Smtp));
}

#[test]
fn other_protocols_are_told_at_once() {
    for other in
        [&b"GET / HTTP/1.1\r\n"[..], b"NICK night\r\n", b"PASS x\r\nNICK night\r\n", b"\x16\x03\x01", b"SSH-2.0-x\r\n"]
    {
        assert_eq!(asked(other, None), Outcome::No, "{other:?}");
    }
    for other in [&b"HTTP/1.1 200 OK\r\n"[..], b"+OK\r\n", b"200 news here\r\n", b"\x16\x03\x01", b"+PONG\r\n"] {
        assert_eq!(answered(other, None), Outcome::No, "{other:?}");
    }
    let endless = [b'a'; 4096];
    assert_eq!(asked(&endless, None), Outcome::No);
    assert_eq!(answered(&[b"220 ", &endless[..]].concat(), None), Outcome::No);
}

#[test]
fn commands_that_change_what_follows() {
    for (protocol, line, command) in [
        (Protocol::Smtp, &b"StartTLS"[..], Command::StartTls),
        (Protocol::Smtp, b"DATA", Command::Letter),
        (Protocol::Smtp, b"BDAT 86 LAST", Command::Chunk(86, true)),
        (Protocol::Smtp, b"BDAT 99999999999", Command::Other),
        (Protocol::Imap, b"a1 starttls", Command::StartTls),
        (Protocol::Imap, b"a1 APPEND x {310}", Command::Bytes(310)),
        (Protocol::Imap, b"a1 APPEND x {310+}", Command::Bytes(310)),
        (Protocol::Pop3, b"STLS", Command::StartTls),
        (Protocol::Ftp, b"AUTH TLS", Command::StartTls),
        (Protocol::Ftp, b"AUTH GSSAPI", Command::Other),
        (Protocol::Ftp, b"DATA", Command::Other),
    ] {
        assert_eq!(protocol.command(line), command, "{line:?}");
    }
}

#[test]
fn where_ftp_listens() {
    let command = |line: &[u8]| Protocol::Ftp.command(line);
    for line in
        [&b"PORT 192,0,2,7,8,73"[..], b"port 192,0,2,7,8,73", b"EPRT |1|192.0.2.7|2121|", b"EPRT |2|2001:db8::7|2121|"]
    {
        assert_eq!(command(line), Command::Listens(2121));
    }
    for bad in [
        &b"PORT 192,0,2,7,8"[..],
        b"PORT 192,0,2,256,8,73",
        b"PORT 192,0,2,7,0,0",
        b"EPRT |1|x|2121|",
        b"EPRT |1||99999|",
    ] {
        assert_eq!(command(bad), Command::Other);
    }
    let reply = |line: &[u8]| Protocol::Ftp.listens(line);
    assert_eq!(reply(b"227 Entering Passive Mode (192,0,2,7,8,73)."), Some(2121));
    assert_eq!(reply(b"227 ok 192,0,2,7,8,73"), Some(2121));
    assert_eq!(reply(b"229 Entering Extended Passive Mode (|||2121|)"), Some(2121));
    assert_eq!(reply(b"200 ok (|||2121|)"), None);
    assert_eq!(Protocol::Smtp.listens(b"229 x (|||2121|)"), None);
}

#[test]
fn no_bytes_panic() {
    let seeds = [
        b"a1 APPEND x {310+}\r\n".to_vec(),
        b"USER night\r\nPORT 192,0,2,7,8,73\r\n".to_vec(),
        b"220-hello\r\n229 x (|||2121|)\r\n227 x (192,0,2,7,8,73)\r\n".to_vec(),
        b"EPRT |2|2001:db8::7|2121|\r\nBDAT 86 LAST\r\n".to_vec(),
    ];
    mutations(&seeds, 40_000, |bytes| {
        for known in [None, Some(Protocol::Ftp)] {
            _ = (asked(bytes, known), answered(bytes, known));
        }
        if let Some((line, length)) = line(bytes) {
            assert!(length <= bytes.len());
            for protocol in [Protocol::Smtp, Protocol::Imap, Protocol::Pop3, Protocol::Ftp] {
                _ = (protocol.command(line), protocol.listens(line));
            }
        }
    });
}
