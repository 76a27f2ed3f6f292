//! The columns of FLOWS, as a capture fills them.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType::{Boolean, UInt16, UInt32, UInt64, Utf8};
use arrow_schema::{DataType, Field, Fields};

use super::column::{
    address, count, dictionary, flag, list, moment, nulls, number, numbers, port, source, text, texts, time,
};
use super::{Column, Rows};
use crate::community_id::community_id;
use crate::flows::key::{Side, other};
use crate::flows::state;
use crate::flows::table::Flow;
use crate::recognise::http::Requests;
use crate::recognise::tls::version_text;
use crate::recognise::x509::Said;
use crate::talk::Facts;
use crate::text::hexadecimal;
use crate::transport::{ICMP, ICMP6, SCTP, TCP, UDP, has_ports};
use crate::tunnel::Layer;

/// Every column, in order.
pub(super) fn columns() -> Vec<Column<Flow>> {
    [who(), how_much(), said(), beside()].into_iter().flatten().collect()
}

fn c(name: &'static str, kind: DataType, make: fn(Rows<'_, Flow>) -> ArrayRef) -> Column<Flow> {
    Column { name, kind, make }
}

/// Where a conversation stands and who holds it.
fn who() -> Vec<Column<Flow>> {
    vec![
        c("source", dictionary(), source),
        c("first_record", UInt64, |r| number(r, |f| Some(f.first_record))),
        c("last_record", UInt64, |r| number(r, |f| Some(f.last_record))),
        c("first_offset", UInt64, |r| number(r, |f| Some(f.first_offset))),
        c("start", moment(), |r| time(r, |f| f.start)),
        c("end", moment(), |r| time(r, |f| f.end)),
        c("proto", Utf8, |r| text(r, |f| Some(proto(f.key.proto)))),
        c("src_ip", dictionary(), |r| address(r, |f| f.key.ip(f.src()))),
        c("dst_ip", dictionary(), |r| address(r, |f| f.key.ip(f.dst()))),
        c("src_port", UInt16, |r| port(r, |f| ports(f).map(|p| p.0))),
        c("dst_port", UInt16, |r| port(r, |f| ports(f).map(|p| p.1))),
        c("conn_id", Utf8, |r| nulls(&Utf8, r)),
        c("parts", UInt32, |r| count(r, |f| Some(f.parts.into()))),
        c("direction_basis", Utf8, |r| text(r, |f| Some(f.basis.text()))),
    ]
}

/// What was sent, and in what shape it travelled.
fn how_much() -> Vec<Column<Flow>> {
    vec![
        c("src_packets", UInt64, |r| number(r, |f| Some(f.sums[f.src()].packets))),
        c("dst_packets", UInt64, |r| number(r, |f| Some(f.sums[f.dst()].packets))),
        c("src_bytes", UInt64, |r| number(r, |f| Some(f.sums[f.src()].bytes))),
        c("dst_bytes", UInt64, |r| number(r, |f| Some(f.sums[f.dst()].bytes))),
        c("bytes_scope", Utf8, |r| text(r, |_| Some("ip"))),
        c("bytes_total", UInt64, |r| nulls(&UInt64, r)),
        c("counter", Utf8, |r| text(r, |_| Some("final"))),
        c("src_payload", UInt64, |r| number(r, |f| payload(f, f.src()))),
        c("dst_payload", UInt64, |r| number(r, |f| payload(f, f.dst()))),
        c("src_acked", UInt64, |r| number(r, |f| acked(f, f.src()))),
        c("dst_acked", UInt64, |r| number(r, |f| acked(f, f.dst()))),
        c("missing_bytes", UInt64, |r| number(r, missing)),
        c("state", Utf8, |r| text(r, conn_state)),
        c("vlan", list(UInt16), |r| numbers(r, |f| f.carrier.as_deref().map_or(&[], |carrier| carrier.vlans.ids()))),
        c("tunnel", list(Utf8), |r| texts(r, |f| Some(layers(f).iter().map(|layer| layer.kind.text())))),
        c("tunnel_ends", tunnel_ends_type(), tunnel_ends),
        c("community_id", Utf8, |r| text(r, |f| Some(community(f)))),
    ]
}

/// What was recognised of it.
fn said() -> Vec<Column<Flow>> {
    vec![
        c("app", Utf8, |r| text(r, |f| facts(f)?.app)),
        c("sni", Utf8, |r| text(r, |f| facts(f)?.client.as_ref()?.sni.as_deref())),
        c("alpn", list(Utf8), |r| texts(r, alpn)),
        c("tls_version", Utf8, |r| text(r, tls_version)),
        c("ech", Boolean, |r| flag(r, |f| Some(facts(f)?.client.as_ref()?.ech))),
        c("ja4", Utf8, |r| text(r, |f| facts(f)?.client.as_ref()?.ja4.as_deref())),
        c("cert_sha256", Utf8, |r| text(r, |f| Some(hexadecimal(&facts(f)?.certificate.as_ref()?.sha256)))),
        c("cert_spki_sha256", Utf8, |r| text(r, |f| Some(hexadecimal(&certified(f)?.spki_sha256)))),
        c("cert_subject", Utf8, |r| text(r, |f| certified(f)?.subject.as_deref())),
        c("cert_issuer", Utf8, |r| text(r, |f| certified(f)?.issuer.as_deref())),
        c("cert_names", list(Utf8), |r| texts(r, |f| Some(certified(f)?.names.iter()))),
        c("cert_not_before", moment(), |r| time(r, |f| certified(f)?.not_before)),
        c("cert_not_after", moment(), |r| time(r, |f| certified(f)?.not_after)),
        c("http_host", Utf8, |r| text(r, |f| http(f)?.host.as_deref())),
        c("http_method", Utf8, |r| text(r, |f| http(f)?.method.as_deref())),
        c("http_path", Utf8, |r| text(r, |f| http(f)?.path.as_deref())),
        c("http_user_agent", Utf8, |r| text(r, user_agent)),
        c("http_hosts", list(Utf8), |r| texts(r, |f| Some(http(f)?.hosts.iter()))),
    ]
}

/// What was read of the payload, and what only logs can say.
fn beside() -> Vec<Column<Flow>> {
    vec![
        c("src_markers", list(Utf8), |r| texts(r, |f| markers(f, f.src()))),
        c("dst_markers", list(Utf8), |r| texts(r, |f| markers(f, f.dst()))),
        c("src_clear", Boolean, |r| flag(r, |f| facts(f)?.clear[f.src()])),
        c("dst_clear", Boolean, |r| flag(r, |f| facts(f)?.clear[f.dst()])),
        c("src_payload_sha256", list(Utf8), |r| texts(r, |f| digests(f, f.src()))),
        c("dst_payload_sha256", list(Utf8), |r| texts(r, |f| digests(f, f.dst()))),
        c("sampled", UInt32, |r| count(r, |_| Some(1))),
        c("action", Utf8, |r| nulls(&Utf8, r)),
        c("nat_src_ip", Utf8, |r| nulls(&Utf8, r)),
        c("nat_src_port", UInt16, |r| nulls(&UInt16, r)),
        c("nat_dst_ip", Utf8, |r| nulls(&Utf8, r)),
        c("nat_dst_port", UInt16, |r| nulls(&UInt16, r)),
        c("host", Utf8, |r| nulls(&Utf8, r)),
        c("user", Utf8, |r| nulls(&Utf8, r)),
        c("process", Utf8, |r| nulls(&Utf8, r)),
        c("name", Utf8, |r| text(r, proxied)),
        c("name_source", Utf8, |r| text(r, |f| proxied(f).map(|_| "connect"))),
    ]
}

fn proto(number: u8) -> String {
    match number {
        ICMP => "icmp".into(),
        TCP => "tcp".into(),
        UDP => "udp".into(),
        ICMP6 => "icmp6".into(),
        SCTP => "sctp".into(),
        other => other.to_string(),
    }
}

/// Ports of source and destination; type and code of the first message for ICMP.
fn ports(flow: &Flow) -> Option<(u16, u16)> {
    if let Some((kind, code)) = flow.message {
        return Some((kind.into(), code.into()));
    }
    has_ports(flow.key.proto).then(|| (flow.key.port(flow.src()), flow.key.port(flow.dst())))
}

/// What a side is known to have sent: recorded, or acknowledged by the other.
fn payload(flow: &Flow, side: Side) -> Option<u64> {
    let sum = &flow.sums[side];
    if flow.key.proto != TCP {
        return Some(sum.payload);
    }
    let recorded = sum.packets > 0 && sum.tcp.is_placed();
    (recorded || sum.tcp.is_told_by(&flow.sums[other(side)].tcp)).then(|| sum.payload + sum.tcp.missing())
}

fn acked(flow: &Flow, side: Side) -> Option<u64> {
    let teller = &flow.sums[other(side)];
    let told = teller.packets > 0 && teller.tcp.is_placed();
    (flow.key.proto == TCP && told).then(|| flow.sums[side].tcp.acked_bytes())
}

fn missing(flow: &Flow) -> Option<u64> {
    (flow.key.proto == TCP).then(|| flow.sums.iter().map(|sum| sum.tcp.missing()).sum())
}

fn conn_state(flow: &Flow) -> Option<&'static str> {
    let (src, dst) = (&flow.sums[flow.src()], &flow.sums[flow.dst()]);
    (flow.key.proto == TCP).then(|| state::word(&src.tcp, &dst.tcp, (src.packets, dst.packets)))
}

/// The id of the conversation; for ICMP in the direction of its first message, whose type it takes in.
fn community(flow: &Flow) -> String {
    let src = if flow.message.is_some() { flow.first_sender() } else { flow.src() };
    let ports = ports(flow).filter(|_| matches!(flow.key.proto, TCP | UDP | SCTP | ICMP | ICMP6));
    community_id(flow.key.proto, flow.key.ip(src), flow.key.ip(other(src)), ports)
}

fn layers(flow: &Flow) -> &[Layer] {
    flow.carrier.as_deref().map_or(&[], |carrier| &carrier.layers)
}

fn facts(flow: &Flow) -> Option<&Facts> {
    flow.facts.as_deref()
}

/// What the server's certificate says.
fn certified(flow: &Flow) -> Option<&Said> {
    facts(flow)?.certificate.as_ref()?.said.as_ref()
}

fn http(flow: &Flow) -> Option<&Requests> {
    facts(flow)?.http.as_deref()
}

/// The host and port that were asked for through SOCKS.
fn proxied(flow: &Flow) -> Option<String> {
    let request = facts(flow)?.socks.as_ref()?;
    let (host, port) = (request.host.as_deref()?, request.port);
    Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
}

fn markers(flow: &Flow, side: Side) -> Option<&[Arc<str>]> {
    facts(flow)?.markers.as_ref()?[side].as_deref()
}

/// Digests of the bodies that a side sent, as hexadecimal digits.
fn digests(flow: &Flow, side: Side) -> Option<Vec<String>> {
    let digests = facts(flow)?.exchange.as_ref()?.digests(side)?;
    Some(digests.iter().map(|digest| hexadecimal(digest)).collect())
}

/// The protocol the server chose, else what the client offered.
fn alpn(flow: &Flow) -> Option<&[String]> {
    let facts = facts(flow)?;
    let chosen = facts.server.as_ref().and_then(|hello| hello.alpn.as_ref()).map(std::slice::from_ref);
    let offered = || facts.client.as_ref().map(|hello| hello.alpn.as_slice());
    chosen.or_else(offered).filter(|names| !names.is_empty())
}

/// The version the server chose, else the highest the client offered.
fn tls_version(flow: &Flow) -> Option<String> {
    let facts = facts(flow)?;
    let chosen = facts.server.as_ref().map(|hello| hello.version);
    let offered = facts.client.as_ref().map(|hello| hello.version);
    chosen.or(offered).filter(|version| *version != 0).map(version_text)
}

/// What the client said of its program: over HTTP, or in the hello of Google's QUIC.
fn user_agent(flow: &Flow) -> Option<&str> {
    let facts = facts(flow)?;
    let hello = || facts.client.as_ref()?.user_agent.as_deref();
    facts.http.as_ref().and_then(|http| http.user_agent.as_deref()).or_else(hello)
}

fn end_fields() -> Fields {
    Fields::from(vec![Field::new("src", Utf8, true), Field::new("dst", Utf8, true)])
}

fn tunnel_ends_type() -> DataType {
    list(DataType::Struct(end_fields()))
}

/// Outer addresses of every layer; `src` is on the initiator's side.
fn tunnel_ends(rows: Rows<'_, Flow>) -> ArrayRef {
    let ends = StructBuilder::new(end_fields(), vec![Box::new(StringBuilder::new()), Box::new(StringBuilder::new())]);
    let mut out = ListBuilder::new(ends);
    for flow in rows.rows {
        for layer in layers(flow) {
            let (src, dst) = layer.ends_text(flow.src() != flow.first_sender()).unzip();
            for (column, value) in [src, dst].into_iter().enumerate() {
                let texts = out.values().field_builder::<StringBuilder>(column);
                texts.expect("both fields are text").append_option(value);
            }
            out.values().append(true);
        }
        out.append(true);
    }
    let array: Arc<dyn Array> = Arc::new(out.finish());
    array
}
