//! The server's certificate behind its hello. Conversations with one server share what is known of it, and it is read once.

use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashMap;

use super::Recogniser;
use super::streams::Step;
use crate::flows::table::Flow;
use crate::recognise::tls::{self, Shown};
use crate::recognise::x509::{self, Certificate, Digest};

/// Certificates kept to be shared.
const MOST_KNOWN: usize = 4096;

/// The certificates seen lately.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    known: HashMap<Digest, Arc<Certificate>, RandomState>,
}

/// Whether the server of a conversation showed a certificate of which only the digest can be told.
#[must_use]
pub fn is_unreadable(flow: &Flow) -> bool {
    let shown = flow.facts.as_ref().and_then(|facts| facts.certificate.as_ref());
    shown.is_some_and(|certificate| certificate.said.is_none())
}

impl Certificates {
    fn read(&mut self, der: &[u8]) -> Arc<Certificate> {
        let digest = x509::sha256(der);
        if self.known.len() == MOST_KNOWN {
            self.known.clear();
        }
        Arc::clone(self.known.entry(digest).or_insert_with(|| Arc::new(x509::read(der, digest))))
    }
}

impl Recogniser {
    /// Looks for the certificate in a server's direction, at the front of which stands its hello.
    pub(super) fn certificate(&mut self, flow: &mut Flow, stream: &[u8]) -> Step {
        let der = match tls::certificate(stream) {
            Shown::More(wanted) => return Step::Wait(wanted),
            Shown::Nothing => return Step::Done,
            Shown::TooLong => {
                self.note("certificate_size", 1);
                return Step::Done;
            }
            Shown::Leaf(der) => der,
        };
        let certificate = self.certificates.read(&der);
        self.note("certificate_names", u64::from(certificate.said.as_ref().is_some_and(|said| said.cut)));
        flow.facts.get_or_insert_default().certificate.get_or_insert(certificate);
        Step::Done
    }
}
