//! DNS messages that a log holds whole, as columns: read by the same code as those of a capture, so that names, answers and
//! types come out alike.
//!
//! Promises: a row a question, with its share of the answers; a message without a question, or bytes that are no message,
//! are a row too. Refuses: pairing, which needs to know who asked whom.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, RecordBatch, StringArray, UInt8Array, UInt16Array, UInt32Array,
};
use arrow_schema::DataType::{Boolean, UInt8, UInt16, UInt32, Utf8};
use arrow_schema::{DataType, Field, Schema};

use crate::batch::{answer_lists, answers_type, list, text_lists};
use crate::lookups::{Answered, Row, parted};
use crate::recognise::dns::{self, Ear, Message, class_text, rcode_text, type_text};

/// What a message says of itself, whatever it asks.
struct Head {
    id: u16,
    response: bool,
    opcode: u8,
    rcode: u16,
    flags: Vec<&'static str>,
    cut: bool,
}

/// One question of a message, or the message where it has none.
#[derive(Default)]
struct Part {
    message: u32,
    head: Option<Arc<Head>>,
    question: Option<dns::Question>,
    answers: Option<Vec<Row>>,
}

/// The messages as rows, in their order; null is no message.
#[must_use]
pub fn split(messages: &BinaryArray) -> RecordBatch {
    let mut parts = Vec::new();
    for (message, bytes) in (0..).zip(messages.iter()) {
        match dns::message(bytes.unwrap_or_default(), true, Ear::DnsPort) {
            Some(read) => part(message, read, &mut parts),
            None => parts.push(Part { message, ..Part::default() }),
        }
    }
    columns(&parts)
}

fn part(index: u32, message: Message, out: &mut Vec<Part>) {
    let flags = message.flag_names();
    let Message { id, response, opcode, rcode, overflow: cut, .. } = message;
    let head = Arc::new(Head { id, response, opcode, rcode, flags, cut });
    let told = |question, answers: Vec<dns::Answer>| {
        let answers = response.then(|| answers.into_iter().map(Row::from).collect());
        Part { message: index, head: Some(Arc::clone(&head)), question, answers }
    };
    let (asked, unasked): (Vec<Answered>, Vec<Answered>) = if response {
        parted(message.questions, message.answers)
    } else {
        (message.questions.into_iter().map(|question| (question, Vec::new())).collect(), Vec::new())
    };
    if asked.is_empty() && unasked.is_empty() {
        out.push(told(None, Vec::new()));
    }
    out.extend(asked.into_iter().chain(unasked).map(|(question, answers)| told(Some(question), answers)));
}

fn columns(parts: &[Part]) -> RecordBatch {
    let heads = || parts.iter().map(|part| part.head.as_deref());
    let asked = || parts.iter().map(|part| part.question.as_ref());
    let rcode = |head: &Head| head.response.then(|| rcode_text(head.rcode));
    let columns: [(&str, DataType, ArrayRef); 11] = [
        ("message", UInt32, Arc::new(UInt32Array::from_iter_values(parts.iter().map(|part| part.message)))),
        ("id", UInt16, Arc::new(heads().map(|head| head.map(|head| head.id)).collect::<UInt16Array>())),
        ("response", Boolean, Arc::new(heads().map(|head| head.map(|head| head.response)).collect::<BooleanArray>())),
        ("opcode", UInt8, Arc::new(heads().map(|head| head.map(|head| head.opcode)).collect::<UInt8Array>())),
        ("flags", list(Utf8), text_lists(heads().map(|head| head.map(|head| &head.flags)))),
        ("rcode", Utf8, Arc::new(heads().map(|head| head.and_then(rcode)).collect::<StringArray>())),
        ("qname", Utf8, Arc::new(asked().map(|asked| asked.map(|asked| &asked.name)).collect::<StringArray>())),
        ("qtype", Utf8, Arc::new(asked().map(|one| one.map(|one| type_text(one.qtype))).collect::<StringArray>())),
        ("qclass", Utf8, Arc::new(asked().map(|one| one.map(|one| class_text(one.qclass))).collect::<StringArray>())),
        ("answers", answers_type(), answer_lists(parts.iter().map(|part| part.answers.as_deref()))),
        ("cut", Boolean, Arc::new(heads().map(|head| head.map(|head| head.cut)).collect::<BooleanArray>())),
    ];
    let fields: Vec<_> = columns.iter().map(|(name, kind, _)| Field::new(*name, kind.clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("each column has a value for every part")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::Array;
    use arrow_array::cast::AsArray;

    const QUERY: &[u8] = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x01A\0\0\x01\0\x01";
    const ANSWER: &[u8] =
        b"\0\x07\x81\x80\0\x01\0\x01\0\0\0\0\x01A\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\xc0\0\x02\x01";

    fn texts(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
        let column = batch.column_by_name(name).unwrap().as_string::<i32>();
        column.iter().map(|value| value.map(str::to_owned)).collect()
    }

    #[test]
    fn every_message_has_a_row() {
        let empty = b"\0\x08\x81\x85\0\0\0\0\0\0\0\0";
        let batch = split(&BinaryArray::from_vec(vec![QUERY, b"no", ANSWER, empty]));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(texts(&batch, "qname"), [some("a"), None, some("a"), None]);
        assert_eq!(texts(&batch, "rcode"), [None, None, some("NOERROR"), some("REFUSED")]);
        assert!(batch.column_by_name("id").unwrap().is_null(1) && batch.column_by_name("answers").unwrap().is_null(0));
        assert_eq!(batch.column_by_name("answers").unwrap().as_list::<i32>().value_length(2), 1);
    }

    #[test]
    fn what_was_not_asked_is_a_row_of_its_own() {
        let mut unasked = ANSWER.to_vec();
        unasked[5] = 0;
        unasked.drain(12..19);
        unasked.splice(12..14, *b"\x01A\0");
        let batch = split(&BinaryArray::from_vec(vec![&unasked]));
        assert_eq!((batch.num_rows(), texts(&batch, "qname")), (1, vec![Some("a".to_owned())]));
        assert_eq!(split(&BinaryArray::from_vec(vec![])).num_rows(), 0);
    }
}
