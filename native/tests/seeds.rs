//! The fuzz targets' laws over every seed, and over every input that once broke one: no fuzzer is needed for that.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[path = "../fuzz/src/lib.rs"]
mod laws;

/// A promise that holds for any bytes.
type Law = fn(&[u8]);

const TARGETS: [(&str, Law); 7] = [
    ("container", laws::container::holds),
    ("packet", laws::packet::holds),
    ("dns", laws::dns::holds),
    ("tls", laws::tls::holds),
    ("quic", laws::quic::holds),
    ("http", laws::http::holds),
    ("x509", laws::x509::holds),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

#[test]
fn the_laws_hold_for_every_seed() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    for (target, law) in TARGETS {
        let seeds = files(&fuzz.join("seeds").join(target));
        assert!(!seeds.is_empty(), "no seeds for {target}");
        for seed in seeds.into_iter().chain(files(&fuzz.join("regressions").join(target))) {
            println!("{}", seed.display());
            law(&std::fs::read(seed).expect("a seed can be read"));
        }
    }
}

#[test]
fn the_laws_hold_for_nothing_and_for_little() {
    for (_, law) in TARGETS {
        law(&[]);
        for byte in [0, 1, 2, 3, 0x1f, 0xff] {
            law(&[byte]);
            law(&[byte; 7]);
        }
    }
}

/// Packages and versions of a lock file.
fn locked(path: &str) -> BTreeMap<String, String> {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a lock file can be read");
    let value = |block: &str, key: &str| -> Option<String> {
        block.lines().find_map(|line| line.strip_prefix(key)?.trim_matches([' ', '=', '"']).to_owned().into())
    };
    text.split("[[package]]").filter_map(|block| Some((value(block, "name")?, value(block, "version")?))).collect()
}

#[test]
fn the_fuzz_targets_are_locked_to_what_the_core_is_locked_to() {
    let (core, fuzz) = (locked("Cargo.lock"), locked("fuzz/Cargo.lock"));
    let block = include_str!("../fuzz/Cargo.lock")
        .split("[[package]]")
        .find(|block| block.contains("flowwatch-native\"\nversion"));
    let block = block.expect("the fuzz crate depends on the core");
    let manifest = include_str!("../Cargo.toml");
    let dependencies = manifest.split("[dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap();
    let needed =
        dependencies.lines().filter(|line| !line.contains("optional")).filter_map(|line| line.split(" =").next());
    for name in needed.filter(|name| core.contains_key(*name)) {
        assert!(
            block.contains(&format!("\"{name}\"")),
            "{name}: native/fuzz/Cargo.lock is behind (cargo metadata there)"
        );
        assert_eq!(fuzz.get(name), core.get(name), "{name}: native/fuzz/Cargo.lock is behind");
    }
}
