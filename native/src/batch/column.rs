//! Arrays made of values a row: the few kinds of column that the two tables have.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::RandomState;
use arrow_array::builder::{ListBuilder, StringBuilder, UInt16Builder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Int32Array, StringArray, TimestampNanosecondArray, UInt16Array,
    UInt32Array, UInt64Array, new_null_array,
};
use arrow_schema::{DataType, Field, TimeUnit};
use hashbrown::HashMap;

use super::{Rows, Sourced};

/// Text that repeats.
pub(super) fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// A moment.
pub(super) fn moment() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// A list of values.
pub(crate) fn list(of: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(of, true)))
}

/// The source of every row.
pub(super) fn source<T: Sourced>(rows: Rows<'_, T>) -> ArrayRef {
    let named = rows.rows.iter().map(Sourced::source);
    let (first, last) = (named.clone().min().unwrap_or(0), named.clone().max().unwrap_or(0));
    let names = rows.sources.get(first as usize..=last as usize).unwrap_or_default();
    let keys = Int32Array::from_iter_values(named.map(|source| (source - first) as i32));
    Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from_iter_values(names))))
}

/// Nothing in any row.
pub(super) fn nulls<T>(kind: &DataType, rows: Rows<'_, T>) -> ArrayRef {
    new_null_array(kind, rows.rows.len())
}

pub(super) fn text<'a, T, S: AsRef<str>>(rows: Rows<'a, T>, value: impl Fn(&'a T) -> Option<S>) -> ArrayRef {
    Arc::new(rows.rows.iter().map(value).collect::<StringArray>())
}

pub(super) fn flag<T>(rows: Rows<'_, T>, value: impl Fn(&T) -> Option<bool>) -> ArrayRef {
    Arc::new(rows.rows.iter().map(value).collect::<BooleanArray>())
}

pub(super) fn number<T>(rows: Rows<'_, T>, value: impl Fn(&T) -> Option<u64>) -> ArrayRef {
    Arc::new(rows.rows.iter().map(value).collect::<UInt64Array>())
}

pub(super) fn count<T>(rows: Rows<'_, T>, value: impl Fn(&T) -> Option<u32>) -> ArrayRef {
    Arc::new(rows.rows.iter().map(value).collect::<UInt32Array>())
}

pub(super) fn port<T>(rows: Rows<'_, T>, value: impl Fn(&T) -> Option<u16>) -> ArrayRef {
    Arc::new(rows.rows.iter().map(value).collect::<UInt16Array>())
}

pub(super) fn time<T>(rows: Rows<'_, T>, value: impl Fn(&T) -> Option<i64>) -> ArrayRef {
    Arc::new(rows.rows.iter().map(value).collect::<TimestampNanosecondArray>().with_timezone("UTC"))
}

/// Addresses in their canonical text, each written once.
pub(super) fn address<T>(rows: Rows<'_, T>, value: impl Fn(&T) -> IpAddr) -> ArrayRef {
    let mut known: HashMap<IpAddr, i32, RandomState> =
        HashMap::with_capacity_and_hasher(rows.rows.len(), RandomState::default());
    let mut texts = StringBuilder::new();
    let keys = rows.rows.iter().map(|row| {
        let ip = value(row);
        let fresh = known.len() as i32;
        *known.entry(ip).or_insert_with(|| {
            texts.append_value(ip.to_string());
            fresh
        })
    });
    let keys: Int32Array = keys.map(Some).collect();
    Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(texts.finish())))
}

/// Lists of text; `None` is null.
pub(super) fn texts<'a, T, I, S>(rows: Rows<'a, T>, value: impl Fn(&'a T) -> Option<I>) -> ArrayRef
where
    I: IntoIterator<Item = S>,
    S: AsRef<str>,
{
    text_lists(rows.rows.iter().map(value))
}

/// The same of any lists.
pub(crate) fn text_lists<I, S>(lists: impl Iterator<Item = Option<I>>) -> ArrayRef
where
    I: IntoIterator<Item = S>,
    S: AsRef<str>,
{
    let mut out = ListBuilder::new(StringBuilder::new());
    for items in lists {
        let is_valid = items.is_some();
        items.into_iter().flatten().for_each(|item| out.values().append_value(item));
        out.append(is_valid);
    }
    Arc::new(out.finish())
}

/// Lists of small numbers, never null.
pub(super) fn numbers<T>(rows: Rows<'_, T>, value: impl Fn(&T) -> &[u16]) -> ArrayRef {
    let mut out = ListBuilder::new(UInt16Builder::new());
    for row in rows.rows {
        out.values().append_slice(value(row));
        out.append(true);
    }
    Arc::new(out.finish())
}
