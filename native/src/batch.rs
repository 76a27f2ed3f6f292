//! The two tables as Arrow record batches: one list of columns each, in the order of the record format.
//!
//! A column that captures cannot fill is there and null. Null means "not known", never zero.

mod column;
mod flow;
mod lookup;

pub(crate) use column::{list, text_lists};
pub(crate) use lookup::{answer_lists, answers_type};

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::flows::table::Flow;
use crate::lookups::Lookup;

/// Rows that become one batch, and the names of their sources.
struct Rows<'a, T> {
    sources: &'a [String],
    rows: &'a [T],
}

/// A row that knows its source.
trait Sourced {
    /// Index of it.
    fn source(&self) -> u32;
}

impl Sourced for Flow {
    fn source(&self) -> u32 {
        self.source
    }
}

impl Sourced for Lookup {
    fn source(&self) -> u32 {
        self.source
    }
}

// By hand: a derived `Copy` would ask it of the rows.
impl<T> Clone for Rows<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Rows<'_, T> {}

/// One column: its name, its type, and how it is made of rows.
struct Column<T> {
    name: &'static str,
    kind: DataType,
    make: fn(Rows<'_, T>) -> ArrayRef,
}

/// The schema of FLOWS.
#[must_use]
pub fn flows_schema() -> SchemaRef {
    schema(&flow::columns())
}

/// The schema of LOOKUPS.
#[must_use]
pub fn lookups_schema() -> SchemaRef {
    schema(&lookup::columns())
}

/// FLOWS rows of conversations that are over.
#[must_use]
pub fn flows(sources: &[String], rows: &[Flow]) -> RecordBatch {
    batch(&flow::columns(), Rows { sources, rows })
}

/// LOOKUPS rows.
#[must_use]
pub fn lookups(sources: &[String], rows: &[Lookup]) -> RecordBatch {
    batch(&lookup::columns(), Rows { sources, rows })
}

fn schema<T>(columns: &[Column<T>]) -> SchemaRef {
    let fields: Vec<Field> = columns.iter().map(|c| Field::new(c.name, c.kind.clone(), true)).collect();
    Arc::new(Schema::new(fields))
}

fn batch<T>(columns: &[Column<T>], rows: Rows<'_, T>) -> RecordBatch {
    let arrays = columns.iter().map(|column| (column.make)(rows)).collect();
    RecordBatch::try_new(schema(columns), arrays).expect("each column makes one value a row, of its type")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_batches_have_the_schemas() {
        assert_eq!(flows(&[], &[]).schema(), flows_schema());
        assert_eq!(lookups(&[], &[]).schema(), lookups_schema());
        assert_eq!(flows_schema().fields().len(), 66);
        assert_eq!(lookups_schema().fields().len(), 25);
    }
}
