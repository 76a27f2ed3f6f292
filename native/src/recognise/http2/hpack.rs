//! Header blocks in HPACK (RFC 7541): every field handed on as it is read, nothing of the block kept but the dynamic table.
//!
//! Own code: the crates there are copy every field out, so that few bytes of a block can become very many.

use std::collections::VecDeque;
use std::sync::Arc;

use super::huffman;

/// Size of the dynamic table until it is changed (RFC 9113 6.5.2), and at most.
const SIZE: usize = 4096;
const MOST_SIZE: usize = 65_536;
/// What an entry counts beside its octets (RFC 7541 4.1).
const OVERHEAD: usize = 32;

/// Fields by their index from 1 (RFC 7541 appendix A).
const STATIC: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

/// Name and value.
type Field = (Arc<[u8]>, Arc<[u8]>);

/// The reader of one direction's header blocks.
#[derive(Debug)]
pub struct Hpack {
    /// Newest first.
    table: VecDeque<Field>,
    size: usize,
    most: usize,
}

impl Default for Hpack {
    fn default() -> Self {
        Self { table: VecDeque::new(), size: 0, most: SIZE }
    }
}

impl Hpack {
    /// Hands on each field of a block; none where it holds not to the form: nothing that follows can be read then.
    pub fn read(&mut self, block: &[u8], each: &mut dyn FnMut(&[u8], &[u8])) -> Option<()> {
        let mut cursor = Bits { rest: block };
        while let Some(first) = cursor.rest.first() {
            match first {
                0x80.. => {
                    let (name, value) = self.field(cursor.number(7)?)?;
                    each(&name, &value);
                }
                0x40.. => {
                    let (name, value) = self.literal(&mut cursor, 6)?;
                    each(&name, &value);
                    self.add(name, value);
                }
                0x20.. => self.resize(cursor.number(5)?)?,
                _ => {
                    let (name, value) = self.literal(&mut cursor, 4)?;
                    each(&name, &value);
                }
            }
        }
        Some(())
    }

    /// Bytes that the table takes, about.
    pub fn held(&self) -> usize {
        self.size
    }

    fn literal(&self, cursor: &mut Bits<'_>, prefix: u32) -> Option<Field> {
        let name = match cursor.number(prefix)? {
            0 => cursor.string()?,
            index => self.field(index)?.0,
        };
        Some((name, cursor.string()?))
    }

    fn field(&self, index: usize) -> Option<Field> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some((name, value)) => Some(((*name).into(), (*value).into())),
            None => self.table.get(index - STATIC.len()).cloned(),
        }
    }

    fn add(&mut self, name: Arc<[u8]>, value: Arc<[u8]>) {
        self.size += name.len() + value.len() + OVERHEAD;
        self.table.push_front((name, value));
        self.evict();
    }

    fn resize(&mut self, most: usize) -> Option<()> {
        self.most = Some(most).filter(|most| *most <= MOST_SIZE)?;
        self.evict();
        Some(())
    }

    fn evict(&mut self) {
        while self.size > self.most {
            let Some((name, value)) = self.table.pop_back() else { return };
            self.size -= name.len() + value.len() + OVERHEAD;
        }
    }
}

/// What is left of a block.
struct Bits<'a> {
    rest: &'a [u8],
}

impl Bits<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// An integer behind the high bits of its first octet (RFC 7541 5.1).
    fn number(&mut self, prefix: u32) -> Option<usize> {
        let mask = (1_usize << prefix) - 1;
        let mut number = usize::from(self.byte()?) & mask;
        if number < mask {
            return Some(number);
        }
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            number += usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn string(&mut self) -> Option<Arc<[u8]>> {
        let coded = self.rest.first()? & 0x80 != 0;
        let length = self.number(7)?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        if coded { Some(huffman::decode(text)?.into()) } else { Some(text.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognise::any_bytes::mutations;

    fn fields(hpack: &mut Hpack, block: &[u8]) -> Option<Vec<String>> {
        let mut out = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        hpack.read(block, &mut |name, value| out.push(text(name) + "=" + &text(value))).map(|()| out)
    }

    /// RFC 7541 C.4.1 to C.4.3.
    const BLOCKS: [&[u8]; 3] = [
        b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
        b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf",
        b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf",
    ];

    #[test]
    fn the_requests_of_the_specification() {
        let mut hpack = Hpack::default();
        let told = BLOCKS.map(|block| fields(&mut hpack, block).unwrap());
        let authority = ":authority=www.example.com";
        assert_eq!(told[0], [":method=GET", ":scheme=http", ":path=/", authority]);
        assert_eq!(told[1], [":method=GET", ":scheme=http", ":path=/", authority, "cache-control=no-cache"]);
        let third = [":method=GET", ":scheme=https", ":path=/index.html", authority, "custom-key=custom-value"];
        assert_eq!((&told[2][..], hpack.held()), (&third.map(String::from)[..], 164));
    }

    #[test]
    fn what_holds_not_to_the_form_is_refused() {
        for block in [
            &b"\x80"[..],
            b"\xbe",
            b"\x40\x05ab",
            b"\xff\xff\xff\xff\xff\x01",
            b"\x3f\xe2\xff\x03",
            b"\x00\x81\x00\x00",
        ] {
            assert_eq!(fields(&mut Hpack::default(), block), None, "{block:?}");
        }
    }

    #[test]
    fn the_table_is_bounded_by_its_size() {
        let mut hpack = Hpack::default();
        let entry = [b"\x40\x01a\x7e".to_vec(), vec![b'v'; 126]].concat();
        for _ in 0..100 {
            fields(&mut hpack, &entry).unwrap();
            assert!(hpack.held() <= SIZE);
        }
        assert_eq!(hpack.table.len(), SIZE / (127 + OVERHEAD));
        fields(&mut hpack, b"\x20").unwrap();
        assert_eq!((hpack.held(), hpack.table.len()), (0, 0));
    }

    #[test]
    fn no_bytes_panic() {
        mutations(&BLOCKS.map(<[u8]>::to_vec), 20_000, |bytes| {
            let mut hpack = Hpack::default();
            let _ = (hpack.read(bytes, &mut |_, _| {}), hpack.read(bytes, &mut |_, _| {}));
            assert!(hpack.held() <= MOST_SIZE);
        });
    }
}
