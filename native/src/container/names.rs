//! Names that the writer of a capture resolved (pcapng name resolution blocks): kept to be told, never to be believed.
//!
//! They were asked for by the recording machine, if they were asked for at all. At most [`MOST`] pairs are kept; the
//! others are counted.

use std::collections::BTreeSet;
use std::net::IpAddr;

/// Pairs of address and name kept.
const MOST: usize = 1024;
/// Longest name kept.
const LONGEST: usize = 253;

/// Addresses and the names a writer found for them.
#[derive(Debug, Clone, Default)]
pub struct Names {
    all: BTreeSet<(IpAddr, String)>,
    beyond: u64,
}

impl Names {
    /// Takes in names that end with a zero byte each; of one that is no text, or too long, its printable beginning.
    pub fn add(&mut self, address: IpAddr, names: &[u8]) {
        for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let name = &name[..name.len().min(LONGEST)];
            let pair = (address, name.escape_ascii().to_string());
            if self.all.len() < MOST {
                self.all.insert(pair);
            } else if !self.all.contains(&pair) {
                self.beyond += 1;
            }
        }
    }

    /// Pairs that were not kept.
    #[must_use]
    pub fn beyond(&self) -> u64 {
        self.beyond
    }

    /// The pairs that were kept.
    #[must_use]
    pub fn into_all(self) -> BTreeSet<(IpAddr, String)> {
        self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_kept_once_and_bounded() {
        let mut names = Names::default();
        let address = IpAddr::from([192, 0, 2, 1]);
        names.add(address, b"a.example\0a.example\0b\xff.example\0\0");
        names.add(address, b"a.example");
        let kept: Vec<_> = names.all.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!((kept, names.beyond()), (vec!["a.example", "b\\xff.example"], 0));
        for number in 0..2000 {
            names.add(address, format!("{number}\0").as_bytes());
        }
        names.add(address, &[b'x'; 70_000]);
        assert_eq!((names.beyond(), names.into_all().len()), (2000 + 1 + 2 - 1024, 1024));
    }
}
