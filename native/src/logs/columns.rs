//! Lines of values parted by a separator, as columns of text.

use std::sync::Arc;

use arrow_array::builder::{StringBuilder, UInt32Builder};
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use memchr::memmem::Finder;

/// How many values each line has (`count`), and the values at the places `wanted`, which ascend: null where the line has
/// fewer, or the value is `unset`.
#[must_use]
pub fn split(lines: &StringArray, separator: &str, unset: &str, wanted: &[usize]) -> RecordBatch {
    let finder = Finder::new(separator);
    let mut counts = UInt32Builder::with_capacity(lines.len());
    let room = lines.value_data().len() / 32;
    let mut columns: Vec<_> = wanted.iter().map(|_| StringBuilder::with_capacity(lines.len(), room)).collect();
    for line in lines.iter().map(Option::unwrap_or_default) {
        let mut wanted = wanted.iter().zip(&mut columns).peekable();
        let (mut start, mut place) = (0, 0);
        let mut ends = finder.find_iter(line.as_bytes());
        loop {
            let end = ends.next();
            if let Some((_, column)) = wanted.next_if(|(at, _)| **at == place) {
                let value = line.get(start..end.unwrap_or(line.len())).unwrap_or_default();
                column.append_option(Some(value).filter(|value| *value != unset));
            }
            place += 1;
            let Some(end) = end else { break };
            start = end + separator.len();
        }
        wanted.for_each(|(_, column)| column.append_null());
        counts.append_option(u32::try_from(place).ok());
    }
    let text = (0..wanted.len()).map(|at| Field::new(at.to_string(), DataType::Utf8, true));
    let fields: Vec<_> = std::iter::once(Field::new("count", DataType::UInt32, true)).chain(text).collect();
    let mut arrays: Vec<ArrayRef> = vec![Arc::new(counts.finish())];
    arrays.extend(columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("each column has a value for every line")
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;

    fn told(lines: &[&str], wanted: &[usize]) -> Vec<(u32, Vec<Option<String>>)> {
        let batch = split(&StringArray::from(lines.to_vec()), "\t", "-", wanted);
        let counts = batch.column(0).as_primitive::<arrow_array::types::UInt32Type>();
        let value = |row: usize, at: usize| {
            let column = batch.column(at).as_string::<i32>();
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        (0..lines.len()).map(|row| (counts.value(row), (1..=wanted.len()).map(|at| value(row, at)).collect())).collect()
    }

    #[test]
    fn values_stand_at_their_places() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told(&["a\tb\tc", "-\t\t--", "x", ""], &[0, 2]),
            [
                (3, vec![some("a"), some("c")]),
                (3, vec![None, some("--")]),
                (1, vec![some("x"), None]),
                (1, vec![some(""), None])
            ]
        );
        assert_eq!(told(&["a\tb"], &[]), [(2, vec![])]);
        assert_eq!(told(&[], &[5]), []);
    }
}
