//! Rows as JSON lines: one object a line, nulls left out, times as RFC 3339 with nanoseconds and `Z`, durations as
//! whole nanoseconds.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    DurationNanosecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_json::LineDelimitedWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema, TimeUnit};

const SECOND: i128 = 1_000_000_000;
const DAY: i64 = 86_400;

/// Writes one batch; returns its rows.
///
/// # Errors
/// A type JSON cannot hold, or the writer's own error.
pub fn write(batch: &RecordBatch, out: &mut impl Write) -> Result<usize, ArrowError> {
    let mut writer = LineDelimitedWriter::new(out);
    writer.write(&readable(batch)?)?;
    writer.finish()?;
    Ok(batch.num_rows())
}

/// The same batch with times as text and durations as numbers.
fn readable(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<ArrayRef> = batch.columns().iter().map(readable_column).collect();
    let fields = batch.schema_ref().fields().iter().zip(&columns);
    let fields: Vec<Field> = fields.map(|(f, c)| Field::new(f.name(), c.data_type().clone(), true)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn readable_column(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Timestamp(unit, _) => Arc::new(times(column, *unit)),
        DataType::Duration(TimeUnit::Nanosecond) => {
            let durations = column.as_primitive::<DurationNanosecondType>();
            Arc::new(durations.iter().collect::<Int64Array>())
        }
        _ => Arc::clone(column),
    }
}

fn times(column: &ArrayRef, unit: TimeUnit) -> StringArray {
    let text = |values: &dyn Fn(usize) -> i64, per_second: i128| {
        let one = |at| column.is_valid(at).then(|| rfc3339(i128::from(values(at)) * (SECOND / per_second)));
        (0..column.len()).map(one).collect()
    };
    match unit {
        TimeUnit::Second => text(&|at| column.as_primitive::<TimestampSecondType>().value(at), 1),
        TimeUnit::Millisecond => text(&|at| column.as_primitive::<TimestampMillisecondType>().value(at), 1_000),
        TimeUnit::Microsecond => text(&|at| column.as_primitive::<TimestampMicrosecondType>().value(at), 1_000_000),
        TimeUnit::Nanosecond => text(&|at| column.as_primitive::<TimestampNanosecondType>().value(at), SECOND),
    }
}

/// A moment, in ns since 1970, as `2026-11-03T20:00:00.000000000Z`.
fn rfc3339(ns: i128) -> String {
    let seconds = ns.div_euclid(SECOND) as i64;
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let clock = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    let mut out = String::with_capacity(30);
    let fraction = ns.rem_euclid(SECOND);
    // Writing to a String cannot fail.
    let _ = write!(out, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:09}Z");
    out
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{DurationNanosecondArray, TimestampNanosecondArray, TimestampSecondArray};

    #[test]
    fn times_are_rfc_3339() {
        for (ns, text) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_793_736_000_000_000_001, "2026-11-03T20:00:00.000000001Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (i128::from(i64::MAX), "2262-04-11T23:47:16.854775807Z"),
        ] {
            assert_eq!(rfc3339(ns), text);
        }
    }

    #[test]
    fn one_object_a_line_without_nulls() {
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("t", Arc::new(TimestampNanosecondArray::from(vec![Some(1), None]).with_timezone("UTC")) as ArrayRef, true),
            ("s", Arc::new(TimestampSecondArray::from(vec![1, 2])) as ArrayRef, true),
            ("d", Arc::new(DurationNanosecondArray::from(vec![None, Some(7)])) as ArrayRef, true),
            ("x", Arc::new(StringArray::from(vec!["\"\n", "é"])) as ArrayRef, true),
        ])
        .unwrap();
        let mut out = Vec::new();
        assert_eq!(write(&batch, &mut out).unwrap(), 2);
        let lines = concat!(
            r#"{"t":"1970-01-01T00:00:00.000000001Z","s":"1970-01-01T00:00:01.000000000Z","x":"\"\n"}"#,
            "\n",
            r#"{"s":"1970-01-01T00:00:02.000000000Z","d":7,"x":"é"}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(out).unwrap(), lines);
    }
}
