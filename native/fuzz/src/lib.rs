//! Laws that hold for any bytes, one module a reader: what the fuzz targets ask, and `cargo test` asks of every seed.
//!
//! A law takes bytes and fails if the core breaks a promise over them. It bounds its own work, so that a run that
//! takes long is the core's fault. Each module says how it reads its bytes; any bytes are fine.

pub mod container;
pub mod dns;
pub mod http;
pub mod packet;
pub mod quic;
pub mod tls;
pub mod x509;

mod bytes;
mod reading;
#[allow(dead_code, reason = "the tests beside the core use the rest")]
#[path = "../../tests/wire/mod.rs"]
mod wire;
