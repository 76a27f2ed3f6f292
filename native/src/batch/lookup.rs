//! The columns of LOOKUPS, as a capture fills them.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder, UInt32Builder};
use arrow_array::{ArrayRef, DurationNanosecondArray};
use arrow_schema::DataType::{Boolean, UInt16, UInt64, Utf8};
use arrow_schema::{DataType, Field, Fields, TimeUnit};

use super::column::{address, dictionary, flag, list, moment, nulls, number, port, source, text, texts, time};
use super::{Column, Rows};
use crate::lookups::{Lookup, Row};
use crate::talk::NO_TIME;

/// Every column, in order.
pub(super) fn columns() -> Vec<Column<Lookup>> {
    let c = |name, kind, make| Column { name, kind, make };
    vec![
        c("source", dictionary(), source),
        c("record", UInt64, |r| number(r, |l| Some(l.record))),
        c("offset", UInt64, |r| number(r, |l| Some(l.offset))),
        c("time", moment(), |r| time(r, |l| known(l.time))),
        c("client_ip", dictionary(), |r| address(r, |l| l.client_ip)),
        c("client_port", UInt16, |r| port(r, |l| Some(l.client_port))),
        c("server_ip", dictionary(), |r| address(r, |l| l.server_ip)),
        c("server_port", UInt16, |r| port(r, |l| Some(l.server_port))),
        c("transport", Utf8, |r| text(r, |l| Some(l.transport.text()))),
        c("qname", Utf8, |r| text(r, |l| Some(l.qname.as_str()))),
        c("qtype", Utf8, |r| text(r, |l| Some(l.qtype.as_ref()))),
        c("qclass", Utf8, |r| text(r, |l| Some(l.qclass.as_ref()))),
        c("name_exact", Boolean, |r| flag(r, |_| Some(true))),
        c("vantage", Utf8, |r| text(r, |_| Some("client"))),
        c("asked", moment(), |r| time(r, |l| l.asked.and_then(known))),
        c("answer_record", UInt64, |r| number(r, |l| l.answer_record)),
        c("answer_offset", UInt64, |r| number(r, |l| l.answer_offset)),
        c("latency", DataType::Duration(TimeUnit::Nanosecond), latency),
        c("rcode", Utf8, |r| text(r, |l| l.rcode.as_deref())),
        c("answers", answers_type(), answers),
        c("flags", list(Utf8), |r| texts(r, |l| Some(l.flags.iter()))),
        c("view", Utf8, |r| nulls(&Utf8, r)),
        c("policy_action", Utf8, |r| nulls(&Utf8, r)),
        c("process", Utf8, |r| nulls(&Utf8, r)),
        c("time_basis", Utf8, |r| text(r, |_| Some("explicit"))),
    ]
}

/// A time that is one.
fn known(time: i64) -> Option<i64> {
    (time != NO_TIME).then_some(time)
}

fn latency(rows: Rows<'_, Lookup>) -> ArrayRef {
    let timed = |l: &Lookup| l.latency.filter(|_| l.time != NO_TIME && l.asked != Some(NO_TIME));
    Arc::new(rows.rows.iter().map(timed).collect::<DurationNanosecondArray>())
}

fn answer_fields() -> Fields {
    let text = |name| Field::new(name, Utf8, true);
    Fields::from(vec![text("name"), text("type"), text("data"), Field::new("ttl", DataType::UInt32, true)])
}

/// The type of a column of answers.
pub(crate) fn answers_type() -> DataType {
    list(DataType::Struct(answer_fields()))
}

fn answers(rows: Rows<'_, Lookup>) -> ArrayRef {
    answer_lists(rows.rows.iter().map(|row| row.answers.as_deref()))
}

/// Lists of answers; `None` is null.
pub(crate) fn answer_lists<'a>(lists: impl Iterator<Item = Option<&'a [Row]>>) -> ArrayRef {
    let text = || Box::new(StringBuilder::new());
    let answer = StructBuilder::new(answer_fields(), vec![text(), text(), text(), Box::new(UInt32Builder::new())]);
    let mut out = ListBuilder::new(answer);
    for list in lists {
        list.into_iter().flatten().for_each(|one| append(out.values(), one));
        out.append(list.is_some());
    }
    Arc::new(out.finish())
}

fn append(out: &mut StructBuilder, row: &Row) {
    for (at, value) in [row.name.as_str(), row.rtype.as_ref(), row.data.as_str()].into_iter().enumerate() {
        if let Some(column) = out.field_builder::<StringBuilder>(at) {
            column.append_value(value);
        }
    }
    if let Some(column) = out.field_builder::<UInt32Builder>(3) {
        column.append_value(row.ttl);
    }
    out.append(true);
}
