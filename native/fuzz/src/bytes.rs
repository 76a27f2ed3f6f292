//! Small choices taken from the front of the bytes, so that a change of one byte stays a small change.

/// The first byte and what follows it; 0 where there is none.
pub fn choice(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// At most `most` pieces, each behind its length in two bytes (big-endian); the last takes what is left of too little.
pub fn pieces(mut data: &[u8], most: usize) -> Vec<&[u8]> {
    let mut out = Vec::new();
    while let ([high, low, rest @ ..], true) = (data, out.len() < most) {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (piece, behind) = rest.split_at(length);
        out.push(piece);
        data = behind;
    }
    out
}

/// Text as every column has it.
pub fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}
