//! The Huffman code of header strings (RFC 7541 5.2, appendix B), which is canonical: lengths tell all of it.

/// Codes of each length, from none of 0 bits to those of 30.
const CODES: [u16; 31] =
    [0, 0, 0, 0, 0, 10, 26, 32, 6, 0, 5, 3, 2, 6, 2, 3, 0, 0, 0, 3, 8, 13, 26, 29, 12, 4, 15, 19, 29, 0, 4];
/// Octets by the length of their codes, then by value; the code of end-of-string is the last of all.
const OCTETS: [u8; 256] = [
    48, 49, 50, 97, 99, 101, 105, 111, 115, 116, 32, 37, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57, 61, 65, 95, 98, 100,
    102, 103, 104, 108, 109, 110, 112, 114, 117, 58, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81,
    82, 83, 84, 85, 86, 87, 89, 106, 107, 113, 118, 119, 120, 121, 122, 38, 42, 44, 59, 88, 90, 33, 34, 40, 41, 63, 39,
    43, 124, 35, 62, 0, 36, 64, 91, 93, 126, 94, 125, 60, 96, 123, 92, 195, 208, 128, 130, 131, 162, 184, 194, 224,
    226, 153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129, 132, 133, 134, 136, 146, 154, 156, 160,
    163, 164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1, 135, 137, 138, 139, 140,
    141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188, 191, 197, 231, 239,
    9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237, 199, 207, 234, 235, 192, 193, 200, 201, 202, 205, 210,
    213, 218, 219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250,
    251, 252, 253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30,
    31, 127, 220, 249, 10, 13, 22,
];

/// The octets that `coded` stands for; none where it holds to no code, or is padded otherwise than with the front of
/// end-of-string.
pub fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(coded.len() * 8 / 5);
    let mut at = Place::default();
    for byte in coded {
        for bit in (0..8).rev() {
            if let Some(index) = at.step(u32::from(byte >> bit & 1))? {
                out.push(*OCTETS.get(index)?);
            }
        }
    }
    at.is_padding().then_some(out)
}

/// A place inside a code.
#[derive(Default)]
struct Place {
    length: usize,
    /// How far the code is behind the first of its length.
    behind: u32,
    /// Octets with shorter codes.
    shorter: usize,
    zeros: bool,
}

impl Place {
    /// Goes on by one bit; the index of an octet where its code ends, none where there is no such code.
    fn step(&mut self, bit: u32) -> Option<Option<usize>> {
        self.behind = self.behind * 2 + bit;
        self.length += 1;
        self.zeros |= bit == 0;
        let count = u32::from(*CODES.get(self.length)?);
        if self.behind < count {
            let index = self.shorter + self.behind as usize;
            *self = Self::default();
            return Some(Some(index));
        }
        self.behind -= count;
        self.shorter += count as usize;
        Some(None)
    }

    fn is_padding(&self) -> bool {
        self.length < 8 && !self.zeros
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strings_of_the_specification() {
        for (coded, text) in [
            (&b"\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff"[..], "www.example.com"),
            (b"\xa8\xeb\x10\x64\x9c\xbf", "no-cache"),
            (b"\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf", "custom-value"),
            (b"", ""),
        ] {
            assert_eq!(decode(coded).as_deref(), Some(text.as_bytes()));
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        // Eight bits of padding, padding with zeros, and end-of-string itself.
        for coded in [&b"\x1f\xff"[..], b"\x00", b"\xff\xff\xff\xff"] {
            assert_eq!(decode(coded), None, "{coded:?}");
        }
    }
}
