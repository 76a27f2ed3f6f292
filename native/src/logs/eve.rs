//! The records of an EVE log of Suricata's, one JSON object a line: the fields that are read, as columns, by type of record.
//!
//! Which fields these are, and of what type each has to be, says `RECORD`, the same as `sources/eve/events.py`.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use arrow_array::builder::{BooleanBuilder, Int64Builder, StringBuilder, UInt32Builder};
use arrow_array::{ArrayRef, RecordBatch};

use super::json::{Field, Found, Scanner, Shape, Value, unescaped};
use super::{append, batch, lines};

/// Bytes of the longest line that is read.
const LONGEST: usize = 1 << 20;
/// Types whose fields are looked at.
const READ: [&str; 8] = ["flow", "netflow", "dns", "tls", "http", "fileinfo", "quic", "stats"];
/// Objects at the top that records of another type than their name may have, and whether all of each is looked at.
const ALSO: [(&str, &str, bool); 3] = [("flow", "tcp", true), ("dns", "http", false), ("fileinfo", "http", true)];
/// An object at the top that any record may have.
const ANYWHERE: &str = "tunnel";

const COUNT: Shape = Shape::Number(0, i64::MAX);
const PORT: Shape = Shape::Number(0, 0xFFFF);
const SECONDS: Shape = Shape::Number(0, 0xFFFF_FFFF);
const NUMBER: Shape = Shape::Number(i64::MIN, i64::MAX);
const TEXTS: Shape = Shape::List(&Shape::Text);

const fn field(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, or_null: true }
}

const fn never_null(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, or_null: false }
}

/// A record, its fields about in the order in which they are written.
const RECORD: &[Field] = &[
    field("timestamp", Shape::Text),
    field("flow_id", COUNT),
    field("parent_id", COUNT),
    never_null("event_type", Shape::Text),
    field("vlan", Shape::Several(&PORT)),
    field("src_ip", Shape::Text),
    field("src_port", PORT),
    field("dest_ip", Shape::Text),
    field("dest_port", PORT),
    field("proto", Shape::Text),
    field("icmp_type", PORT),
    field("icmp_code", PORT),
    field("app_proto", Shape::Text),
    field("app_proto_orig", Shape::Text),
    field("flow", Shape::Object(FLOW)),
    field("tcp", Shape::Object(&[field("tcp_flags_ts", Shape::Text), field("tcp_flags_tc", Shape::Text)])),
    field("community_id", Shape::Text),
    field("host", Shape::Text),
    field("dns", Shape::Object(DNS)),
    field("tls", Shape::Object(TLS)),
    field("http", Shape::Object(HTTP)),
    field("fileinfo", Shape::Object(FILEINFO)),
    field("netflow", Shape::Object(NETFLOW)),
    field("quic", Shape::Object(QUIC)),
    field("tunnel", Shape::Object(TUNNEL)),
    field("stats", Shape::Object(&[field("capture", Shape::Object(&[never_null("kernel_drops", COUNT)]))])),
];
const FLOW: &[Field] = &[
    field("pkts_toserver", COUNT),
    field("pkts_toclient", COUNT),
    field("bytes_toserver", COUNT),
    field("bytes_toclient", COUNT),
    field("start", Shape::Text),
    field("end", Shape::Text),
    field("action", Shape::Text),
];
const NETFLOW: &[Field] =
    &[field("pkts", COUNT), field("bytes", COUNT), field("start", Shape::Text), field("end", Shape::Text)];
const FILEINFO: &[Field] =
    &[field("sha256", Shape::Text), never_null("gaps", Shape::Flag), field("state", Shape::Text), field("size", COUNT)];
const DNS: &[Field] = &[
    field("version", NUMBER),
    never_null("type", Shape::Text),
    field("id", NUMBER),
    field("flags", Shape::Text),
    field("opcode", NUMBER),
    field("rrname", Shape::Text),
    field("rrtype", Shape::Text),
    never_null("rrname_truncated", Shape::Flag),
    field("rcode", Shape::Text),
    field("ttl", SECONDS),
    field("rdata", Shape::Text),
    field("queries", Shape::List(&Shape::Object(QUESTION))),
    field("answers", Shape::List(&Shape::Object(ANSWER))),
    never_null("grouped", Shape::Any),
];
const QUESTION: &[Field] =
    &[field("rrname", Shape::Text), field("rrtype", Shape::Text), never_null("rrname_truncated", Shape::Flag)];
const ANSWER: &[Field] = &[
    field("rrname", Shape::Text),
    field("rrtype", Shape::Text),
    field("ttl", SECONDS),
    field("rdata", Shape::Text),
    field("soa", Shape::Object(SOA)),
    field("srv", Shape::Object(SRV)),
];
const SOA: &[Field] = &[
    never_null("mname", Shape::Text),
    never_null("rname", Shape::Text),
    never_null("serial", COUNT),
    never_null("refresh", COUNT),
    never_null("retry", COUNT),
    never_null("expire", COUNT),
    never_null("minimum", COUNT),
];
const SRV: &[Field] = &[
    never_null("priority", PORT),
    never_null("weight", PORT),
    never_null("port", PORT),
    never_null("name", Shape::Text),
];
const TLS: &[Field] = &[
    field("subject", Shape::Text),
    field("issuerdn", Shape::Text),
    field("sni", Shape::Text),
    field("version", Shape::Text),
    field("notbefore", Shape::Text),
    field("notafter", Shape::Text),
    field("ja4", Shape::Text),
    field("client_alpns", TEXTS),
    field("server_alpns", TEXTS),
    field("subjectaltname", TEXTS),
    field("certificate", Shape::Text),
    field("chain", TEXTS),
    field("from_proto", Shape::Text),
];
const HTTP: &[Field] = &[
    field("hostname", Shape::Text),
    field("url", Shape::Text),
    field("http_user_agent", Shape::Text),
    field("http_method", Shape::Text),
    field("version", Shape::Text),
    field("status", NUMBER),
    field("request_headers", Shape::List(&Shape::Object(&[field("name", Shape::Text), field("value", Shape::Text)]))),
];
const QUIC: &[Field] = &[
    field("version", Shape::Text),
    field("sni", Shape::Text),
    field("ja4", Shape::Text),
    field("extensions", Shape::List(&Shape::Object(&[field("type", NUMBER), field("values", TEXTS)]))),
];
const TUNNEL: &[Field] = &[
    field("src_ip", Shape::Text),
    field("dest_ip", Shape::Text),
    field("dest_port", PORT),
    field("proto", Shape::Text),
];

/// A field of `RECORD` or of an object in it.
#[derive(Debug)]
struct Node {
    /// Names from the record on, joined by dots.
    path: String,
    shape: &'static Shape,
    /// Its fields, where it is an object.
    fields: Vec<usize>,
}

/// All fields, the record itself first, which is no field.
static NODES: LazyLock<Vec<Node>> = LazyLock::new(|| {
    let mut nodes = vec![Node { path: String::new(), shape: &Shape::Any, fields: Vec::new() }];
    grow(&mut nodes, 0, RECORD);
    nodes
});
static TYPE: LazyLock<usize> =
    LazyLock::new(|| NODES.iter().position(|node| node.path == "event_type").expect("it is a field"));

fn grow(nodes: &mut Vec<Node>, parent: usize, fields: &'static [Field]) {
    for field in fields {
        let above = &nodes[parent].path;
        let path = if above.is_empty() { field.name.to_owned() } else { format!("{above}.{}", field.name) };
        let place = nodes.len();
        nodes.push(Node { path, shape: &field.shape, fields: Vec::new() });
        nodes[parent].fields.push(place);
        if let Shape::Object(inner) = &field.shape {
            grow(nodes, place, inner);
        }
    }
}

/// Whether records of a type have this field as a column.
fn is_column(kind: &str, node: &Node) -> bool {
    let Some((top, _)) = node.path.split_once('.') else {
        let is_object = matches!(node.shape, Shape::Object(_));
        let is_kept =
            |top: &str| top == kind || top == ANYWHERE || ALSO.iter().any(|also| (also.0, also.1) == (kind, top));
        return !node.path.is_empty() && (!is_object || is_kept(&node.path));
    };
    top == kind || top == ANYWHERE || ALSO.contains(&(kind, top, true))
}

/// The values of one record, by node.
struct Values<'a> {
    found: Vec<Option<Value<'a>>>,
    way: Vec<usize>,
}

impl<'a> Found<'a> for Values<'a> {
    fn enter(&mut self, place: usize) {
        let above = self.way.last().copied().unwrap_or_default();
        self.way.push(NODES[above].fields[place]);
    }

    fn leave(&mut self, value: Value<'a>) {
        if let Some(slot) = self.way.pop().and_then(|node| self.found.get_mut(node)) {
            *slot = Some(value);
        }
    }
}

impl Values<'_> {
    fn clear(&mut self) {
        self.found.fill(None);
        self.way.clear();
    }

    /// The `event_type`, where there is one.
    fn kind(&self) -> Option<Cow<'_, str>> {
        match self.found.get(*TYPE)? {
            Some(Value::Text(text)) if !text.is_empty() => Some(unescaped(text)),
            _ => None,
        }
    }
}

enum Column {
    Text(StringBuilder),
    Number(Int64Builder),
    Flag(BooleanBuilder),
    /// Whether an object is there.
    There(BooleanBuilder),
}

impl Column {
    fn new(shape: &Shape) -> Self {
        match shape {
            Shape::Number(..) => Self::Number(Int64Builder::new()),
            Shape::Flag => Self::Flag(BooleanBuilder::new()),
            Shape::Object(_) => Self::There(BooleanBuilder::new()),
            Shape::Text | Shape::Any | Shape::List(_) | Shape::Several(_) => Self::Text(StringBuilder::new()),
        }
    }

    fn append(&mut self, value: Option<Value<'_>>) {
        match (self, value) {
            (Self::Text(column), Some(Value::Text(text))) if text.contains('\\') => {
                column.append_value(unescaped(text))
            }
            (Self::Text(column), Some(Value::Text(text) | Value::Raw(text))) => column.append_value(text),
            (Self::Number(column), Some(Value::Number(number))) => column.append_value(number),
            (Self::Flag(column), Some(Value::Flag(flag))) => column.append_value(flag),
            (Self::There(column), value) => column.append_value(value.is_some()),
            (Self::Text(column), _) => column.append_null(),
            (Self::Number(column), _) => column.append_null(),
            (Self::Flag(column), _) => column.append_null(),
        }
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(column) => Arc::new(column.finish()),
            Self::Number(column) => Arc::new(column.finish()),
            Self::Flag(column) | Self::There(column) => Arc::new(column.finish()),
        }
    }
}

/// Records of one type.
struct Records {
    places: [UInt32Builder; 2],
    columns: Vec<(usize, Column)>,
}

impl Records {
    fn new(kind: &str) -> Self {
        let wanted = NODES.iter().enumerate().filter(|(_, node)| is_column(kind, node));
        let columns = wanted.map(|(place, node)| (place, Column::new(node.shape))).collect();
        Self { places: std::array::from_fn(|_| UInt32Builder::new()), columns }
    }

    fn append(&mut self, line: usize, start: usize, values: &Values<'_>) {
        append(&mut self.places, [line, start]);
        for (place, column) in &mut self.columns {
            column.append(values.found.get(*place).copied().flatten());
        }
    }

    fn finish(&mut self) -> RecordBatch {
        let places =
            ["line", "start"].into_iter().zip(self.places.iter_mut().map(|one| Arc::new(one.finish()) as ArrayRef));
        let columns = self.columns.iter_mut().map(|(place, column)| (NODES[*place].path.as_str(), column.finish()));
        batch(places.chain(columns))
    }
}

/// The records of a block of whole lines, by type where they are read: number of the line in the block (from 0), its first
/// byte, and the fields by path. `unread`: the other records, with their `event_type`. `others`: lines that are not taken,
/// with number, first byte, and the byte behind the last.
#[must_use]
pub fn split(block: &[u8]) -> Vec<(&'static str, RecordBatch)> {
    let mut read: [Option<Records>; READ.len()] = std::array::from_fn(|_| None);
    let mut unread = (std::array::from_fn(|_| UInt32Builder::new()), StringBuilder::new());
    let mut others: [UInt32Builder; 3] = std::array::from_fn(|_| UInt32Builder::new());
    let mut values = Values { found: vec![None; NODES.len()], way: Vec::new() };
    for (line, (start, text)) in lines(block).enumerate() {
        values.clear();
        let taken = if text.len() > LONGEST { None } else { std::str::from_utf8(text).ok() };
        let Some(kind) = taken.and_then(|text| Scanner::object(text, RECORD, &mut values)).and_then(|()| values.kind())
        else {
            append(&mut others, [line, start, start + text.len()]);
            continue;
        };
        if let Some(place) = READ.iter().position(|read| *read == kind) {
            read[place].get_or_insert_with(|| Records::new(READ[place])).append(line, start, &values);
        } else {
            append(&mut unread.0, [line, start]);
            unread.1.append_value(kind);
        }
    }
    let [line, start] = unread.0.map(|mut one| Arc::new(one.finish()) as ArrayRef);
    let types = Arc::new(unread.1.finish()) as ArrayRef;
    let others = others.iter_mut().map(|one| Arc::new(one.finish()) as ArrayRef);
    let mut told: Vec<_> = READ.into_iter().zip(read).filter_map(|(kind, one)| Some((kind, one?.finish()))).collect();
    told.push(("unread", batch([("line", line), ("start", start), ("event_type", types)].into_iter())));
    told.push(("others", batch(["line", "start", "end"].into_iter().zip(others))));
    told
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    use super::*;

    const DNS_LINE: &str = r#"{"timestamp":"t","event_type":"dns","dns":{"type":"query","rrname":"a\\b"},"http":{}}"#;

    #[test]
    fn every_line_of_a_block_is_told_once() {
        let block =
            format!("{DNS_LINE}\nnone\n\n{{\"event_type\":\"a\\u0062\"}}\n{{\"event_type\":\"\"}}\n{DNS_LINE}\r");
        let told = split(block.as_bytes());
        let rows: Vec<_> = told.iter().map(|(kind, batch)| (*kind, batch.num_rows())).collect();
        assert_eq!(rows, [("dns", 2), ("unread", 1), ("others", 3)]);
        assert_eq!(told[1].1["event_type"].as_string::<i32>().value(0), "ab");
        let rows: Vec<_> = split(b"").iter().map(|(kind, batch)| (*kind, batch.num_rows())).collect();
        assert_eq!(rows, [("unread", 0), ("others", 1)]);
    }

    #[test]
    fn fields_are_columns_by_their_paths() {
        let told = split(DNS_LINE.as_bytes());
        let dns = &told[0].1;
        assert_eq!(dns["dns.rrname"].as_string::<i32>().value(0), "a\\b");
        assert!(dns["http"].as_boolean().value(0) && !dns["tunnel"].as_boolean().value(0));
        assert!(dns["dns.rrtype"].is_null(0) && dns["dns.id"].is_null(0));
        assert!(dns.column_by_name("http.url").is_none() && dns.column_by_name("tls").is_none());
    }
}
