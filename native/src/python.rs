//! The border with Python: `read_capture`, its `Reader`, and `write_jsonl`.
//!
//! Parsing runs without Python's lock, which is taken again after each block of the input to see whether the user
//! interrupted. One error of the crate becomes one of two of Python's: `OSError` or `CaptureError`.

use std::collections::HashMap;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, RecordBatch, StructArray};
use arrow_schema::{Field, SchemaRef};
use pyo3::create_exception;
use pyo3::exceptions::{PyBlockingIOError, PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCapsule, PyDict, PyString, PyTuple};
use pyo3_arrow::PyArray;
use pyo3_arrow::ffi::{ArrayIterator, to_array_pycapsules, to_schema_pycapsule, to_stream_pycapsule};
use pyo3_arrow::input::AnyRecordBatch;

use crate::batch;
use crate::capture::{Capture, Kind, Options, Turn};
use crate::coverage::{Coverage, Stop};
use crate::error::Error;
use crate::front::Source;
use crate::jsonl;
use crate::link;
use crate::logs;
use crate::markers::Markers;
use crate::unpack::{Compression, Fault, Unpack};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long Python's interrupt may wait.
const PATIENCE: Duration = Duration::from_millis(100);
/// Bytes asked for at once from a Python file.
const READ: usize = 1 << 20;
/// Bytes unpacked at once for a Python file.
const UNPACK: usize = 1 << 16;

create_exception!(
    flowwatch._native,
    CaptureError,
    PyValueError,
    "The input is not a capture. `code` is a stable word, `offset` the byte where its header fails."
);

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("CaptureError", module.py().get_type::<CaptureError>())?;
    module.add_class::<Reader>()?;
    module.add_class::<Batch>()?;
    module.add_class::<Table>()?;
    module.add_class::<Schema>()?;
    module.add_class::<Unpacked>()?;
    module.add_function(wrap_pyfunction!(read_capture, module)?)?;
    module.add_function(wrap_pyfunction!(write_jsonl, module)?)?;
    module.add_function(wrap_pyfunction!(split_bind, module)?)?;
    module.add_function(wrap_pyfunction!(split_columns, module)?)?;
    module.add_function(wrap_pyfunction!(split_eve, module)?)?;
    module.add_function(wrap_pyfunction!(split_messages, module)?)?;
    module.add_function(wrap_pyfunction!(flows_schema, module)?)?;
    module.add_function(wrap_pyfunction!(lookups_schema, module)?)?;
    module.add("__all__", ALL)
}

const ALL: [&str; 14] = [
    "Batch",
    "CaptureError",
    "Reader",
    "Schema",
    "Table",
    "Unpacked",
    "flows_schema",
    "lookups_schema",
    "read_capture",
    "split_bind",
    "split_columns",
    "split_eve",
    "split_messages",
    "write_jsonl",
];

/// A Reader of the capture at a path (`-` is standard input) or in a binary file object, and of the files that go on
/// with it.
#[pyfunction]
#[pyo3(signature = (
    source, /, *, digest=true, name=None, then=Vec::new(), markers=Vec::new(), digests=false, threads=1, eager=false,
    follow=None, in_time=false
))]
#[allow(clippy::too_many_arguments, reason = "each is a keyword of Python's")]
fn read_capture(
    source: &Bound<'_, PyAny>,
    digest: bool,
    name: Option<String>,
    then: Vec<(String, String)>,
    markers: Vec<(String, Vec<u8>)>,
    digests: bool,
    threads: usize,
    eager: bool,
    follow: Option<f64>,
    in_time: bool,
) -> PyResult<Reader> {
    let markers = Markers::new(&markers).map_err(PyValueError::new_err)?;
    let follow = follow.map(Duration::try_from_secs_f64).transpose();
    let follow = follow.map_err(|error| PyValueError::new_err(format!("follow: {error}")))?;
    let path = source.cast::<PyString>().ok().map(|path| path.to_string());
    let first = match &path {
        Some(path) => (name.unwrap_or_else(|| path.clone()), Source::Path(path.into())),
        None => {
            let named = || source.getattr("name").ok().and_then(|name| name.extract::<String>().ok());
            let name = name.or_else(named).unwrap_or_else(|| "<stream>".into());
            (name, Source::Stream(Box::new(File::new(source)?)))
        }
    };
    let later = then.into_iter().map(|(path, name)| (name, Source::Path(path.into())));
    let options = Options { digest, markers, digests, threads, eager, follow, in_time, ..Options::default() };
    let capture = Capture::of(std::iter::once(first).chain(later).collect(), options)
        .map_err(|error| to_python(source.py(), error, path.as_deref()))?;
    Ok(Reader { capture: Mutex::new(capture), path })
}

/// The rows of one capture: an iterator of ("flows" | "lookups", Batch).
#[pyclass(module = "flowwatch._native")]
struct Reader {
    capture: Mutex<Capture>,
    path: Option<String>,
}

#[pymethods]
impl Reader {
    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__(&mut self, py: Python<'_>) -> PyResult<Option<(&'static str, Batch)>> {
        let Self { capture, path } = self;
        let capture = capture.get_mut().unwrap_or_else(PoisonError::into_inner);
        loop {
            py.check_signals()?;
            match py.detach(|| capture.next(PATIENCE)) {
                Ok(Turn::Batch(kind, batch)) => return Ok(Some((kind.text(), Batch { batch }))),
                Ok(Turn::Idle) => {}
                Ok(Turn::End) => return Ok(None),
                Err(error) => return Err(to_python(py, error, path.as_deref())),
            }
        }
    }

    /// All rows that are left, as two tables: (FLOWS, LOOKUPS).
    fn collect(&mut self, py: Python<'_>) -> PyResult<(Table, Table)> {
        let mut flows = Table { schema: batch::flows_schema(), batches: Vec::new() };
        let mut lookups = Table { schema: batch::lookups_schema(), batches: Vec::new() };
        while let Some((kind, rows)) = self.__next__(py)? {
            let table = if kind == Kind::Flows.text() { &mut flows } else { &mut lookups };
            table.batches.push(rows.batch);
        }
        Ok((flows, lookups))
    }

    /// What was read of each source and what was not, as new dicts; complete after the last batch.
    #[getter]
    fn coverage<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let capture = self.capture.lock().unwrap_or_else(PoisonError::into_inner);
        capture.coverage().iter().map(|coverage| coverage_dict(py, coverage)).collect()
    }

    /// Stored bytes read so far, of all sources together.
    #[getter]
    fn progress(&self) -> u64 {
        self.capture.lock().unwrap_or_else(PoisonError::into_inner).progress()
    }
}

impl Kind {
    fn text(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Lookups => "lookups",
        }
    }
}

fn coverage_dict<'py>(py: Python<'py>, coverage: &Coverage) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    let skipped = PyDict::new(py);
    for (reason, count) in &coverage.skipped {
        skipped.set_item(reason.text(), count)?;
    }
    let limits = PyDict::new(py);
    for (name, count) in &coverage.tally.limits {
        limits.set_item(name, count)?;
    }
    dict.set_item("format", Some(coverage.format).filter(|format| !format.is_empty()))?;
    dict.set_item("link_types", coverage.link_types.iter().map(|number| link::text(*number)).collect::<Vec<_>>())?;
    dict.set_item("snaplen", coverage.snaplen)?;
    dict.set_item("size", coverage.size)?;
    dict.set_item("sha256", coverage.sha256.as_deref())?;
    dict.set_item("compression", coverage.unpacked.map(|(compression, _)| compression.text()))?;
    dict.set_item("unpacked_size", coverage.unpacked.map(|(_, size)| size))?;
    dict.set_item("records", coverage.records)?;
    dict.set_item("used", coverage.used)?;
    dict.set_item("skipped", skipped)?;
    dict.set_item("bytes", coverage.bytes)?;
    dict.set_item("first_time", coverage.first_time)?;
    dict.set_item("last_time", coverage.last_time)?;
    dict.set_item("truncated_records", coverage.truncated_records)?;
    dict.set_item("interface_drops", coverage.interface_drops)?;
    dict.set_item("out_of_order", coverage.out_of_order)?;
    dict.set_item("untimed", coverage.untimed)?;
    dict.set_item("trailing_bytes", coverage.trailing_bytes)?;
    dict.set_item("unknown_blocks", coverage.unknown_blocks)?;
    dict.set_item("blocks", &coverage.blocks)?;
    dict.set_item("resolved_names", names(coverage))?;
    dict.set_item("incomplete_datagrams", coverage.incomplete_datagrams)?;
    dict.set_item("fragment_overlaps", coverage.fragment_overlaps)?;
    dict.set_item("dns_repeated", coverage.tally.rowless.repeated)?;
    dict.set_item("dns_other_opcodes", coverage.tally.rowless.other_opcodes)?;
    dict.set_item("dns_nameless", coverage.tally.rowless.nameless)?;
    dict.set_item("dns_announcements", coverage.tally.rowless.announced)?;
    dict.set_item("flows", coverage.tally.flows)?;
    dict.set_item("lookups", coverage.tally.lookups)?;
    dict.set_item("one_way_flows", coverage.tally.one_way_flows)?;
    dict.set_item("unreadable_certificates", coverage.tally.unreadable_certificates)?;
    dict.set_item("opaque_tunnels", coverage.tally.opaque_tunnels)?;
    dict.set_item("limits", limits)?;
    dict.set_item("error", coverage.error.as_ref().map(|stop| stop_dict(py, stop)).transpose()?)?;
    Ok(dict)
}

fn names(coverage: &Coverage) -> Vec<(String, &str)> {
    coverage.resolved_names.iter().map(|(address, name)| (address.to_string(), name.as_str())).collect()
}

fn stop_dict<'py>(py: Python<'py>, stop: &Stop) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("code", stop.code)?;
    dict.set_item("offset", stop.offset)?;
    dict.set_item("message", &stop.message)?;
    Ok(dict)
}

/// The bytes of a compressed stream, unpacked from a binary file object of the stored ones.
#[pyclass(module = "flowwatch._native")]
struct Unpacked {
    unpack: Mutex<Unpack<BufReader<File>>>,
    fault: Option<Fault>,
}

#[pymethods]
impl Unpacked {
    #[new]
    #[pyo3(signature = (source, compression, /))]
    fn new(source: &Bound<'_, PyAny>, compression: &str) -> PyResult<Self> {
        let kind = Compression::named(compression)
            .ok_or_else(|| PyValueError::new_err(format!("no compression is called {compression}")))?;
        let stored = BufReader::with_capacity(UNPACK, File::new(source)?);
        Ok(Self { unpack: Mutex::new(Unpack::new(kind, stored)?), fault: None })
    }

    /// At most `size` bytes; none at the end of the stream, and where it breaks.
    #[pyo3(signature = (size, /))]
    fn read<'py>(&mut self, py: Python<'py>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
        let Self { unpack, fault } = self;
        let unpack = unpack.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = vec![0; size.min(UNPACK)];
        match py.detach(|| unpack.read(&mut bytes)) {
            Ok(read) => bytes.truncate(read),
            Err(error) => {
                *fault = Some(Fault::of(&error).cloned().ok_or(error)?);
                bytes.clear();
            }
        }
        Ok(PyBytes::new(py, &bytes))
    }

    /// Why the stream could not be read to its end: (code, offset, message), or None.
    #[getter]
    fn fault(&self) -> Option<(&'static str, u64, &str)> {
        self.fault.as_ref().map(|fault| (fault.code, fault.offset, fault.message.as_str()))
    }
}

/// Some rows of one table; an Arrow record batch for whoever reads PyCapsules.
#[pyclass(module = "flowwatch._native", frozen)]
struct Batch {
    batch: RecordBatch,
}

#[pymethods]
impl Batch {
    /// Rows.
    #[getter]
    fn num_rows(&self) -> usize {
        self.batch.num_rows()
    }

    fn __len__(&self) -> usize {
        self.batch.num_rows()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        let rows = StructArray::from(self.batch.clone());
        let field = row_field(&self.batch.schema());
        Ok(to_array_pycapsules(py, field, &rows, requested_schema)?)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.batch.schema().as_ref())?)
    }
}

/// All rows of one table; an Arrow stream that can be read again and again.
#[pyclass(module = "flowwatch._native", frozen)]
struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

#[pymethods]
impl Table {
    /// Rows.
    #[getter]
    fn num_rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn __len__(&self) -> usize {
        self.num_rows()
    }

    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyCapsule>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let rows = self.batches.clone().into_iter().map(|batch| Ok(Arc::new(StructArray::from(batch)) as ArrayRef));
        let stream = ArrayIterator::new(rows, row_field(&self.schema));
        Ok(to_stream_pycapsule(py, Box::new(stream), requested_schema)?)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.schema.as_ref())?)
    }
}

/// The schema of one table.
#[pyclass(module = "flowwatch._native", frozen)]
struct Schema {
    schema: SchemaRef,
}

#[pymethods]
impl Schema {
    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        Ok(to_schema_pycapsule(py, self.schema.as_ref())?)
    }
}

/// The schema of FLOWS.
#[pyfunction]
fn flows_schema() -> Schema {
    Schema { schema: batch::flows_schema() }
}

/// The schema of LOOKUPS.
#[pyfunction]
fn lookups_schema() -> Schema {
    Schema { schema: batch::lookups_schema() }
}

fn row_field(schema: &SchemaRef) -> Arc<Field> {
    Arc::new(Field::new_struct("", schema.fields().clone(), false))
}

/// The questions of a block of lines of a BIND query log, as printed, and where the other lines stand.
#[pyfunction]
#[pyo3(signature = (block, /))]
fn split_bind(py: Python<'_>, block: &[u8]) -> (Batch, Batch) {
    let (questions, others) = py.detach(|| logs::bind::split(block));
    (Batch { batch: questions }, Batch { batch: others })
}

/// The number of values of each line, and the values at the wanted places, which ascend; null where unset or not there.
#[pyfunction]
#[pyo3(signature = (lines, /, *, separator, unset, wanted))]
fn split_columns(py: Python<'_>, lines: PyArray, separator: &str, unset: &str, wanted: Vec<usize>) -> PyResult<Batch> {
    let lines = lines.array().as_string_opt::<i32>().ok_or_else(|| PyTypeError::new_err("lines must be utf8"))?;
    if separator.is_empty() || !wanted.is_sorted_by(|a, b| a < b) {
        return Err(PyValueError::new_err("the separator must not be empty, and places must ascend"));
    }
    Ok(Batch { batch: py.detach(|| logs::columns::split(lines, separator, unset, &wanted)) })
}

/// The records of a block of lines of an EVE log as columns, by type, and where the other lines stand.
#[pyfunction]
#[pyo3(signature = (block, /))]
fn split_eve(py: Python<'_>, block: &[u8]) -> HashMap<&'static str, Batch> {
    let told = py.detach(|| logs::eve::split(block));
    told.into_iter().map(|(kind, batch)| (kind, Batch { batch })).collect()
}

/// DNS messages as rows, one a question; a message without one, or that is none, is a row as well.
#[pyfunction]
#[pyo3(signature = (messages, /))]
fn split_messages(py: Python<'_>, messages: PyArray) -> PyResult<Batch> {
    let messages = messages.array().as_binary_opt::<i32>();
    let messages = messages.ok_or_else(|| PyTypeError::new_err("messages must be binary"))?;
    Ok(Batch { batch: py.detach(|| logs::messages::split(messages)) })
}

/// Writes a table or stream of record batches as JSON lines to a file descriptor; returns the rows written.
#[pyfunction]
#[pyo3(signature = (table, fd, /))]
fn write_jsonl(py: Python<'_>, table: AnyRecordBatch, fd: i32) -> PyResult<usize> {
    let reader = table.into_reader()?;
    let out = Descriptor { write: py.import("os")?.getattr("write")?.unbind(), fd };
    py.detach(|| {
        let mut out = BufWriter::with_capacity(1 << 18, out);
        let mut rows = 0;
        for batch in reader {
            let batch = batch.map_err(|error| PyValueError::new_err(error.to_string()))?;
            rows += jsonl::write(&batch, &mut out).map_err(written)?;
        }
        out.flush()?;
        Ok(rows)
    })
}

/// The error of a write, as Python raised it where it did.
fn written(error: arrow_schema::ArrowError) -> PyErr {
    match error {
        arrow_schema::ArrowError::IoError(_, error) => error.into(),
        other => PyValueError::new_err(other.to_string()),
    }
}

/// A file descriptor of Python's, written through `os.write`.
struct Descriptor {
    write: Py<PyAny>,
    fd: i32,
}

impl Write for Descriptor {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Python::attach(|py| {
            let written = self.write.call1(py, (self.fd, PyBytes::new(py, bytes)))?;
            Ok(written.extract::<usize>(py)?)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A binary file object of Python's.
struct File {
    read: Py<PyAny>,
}

impl File {
    /// Reads with `read1` where there is one: it hands over what has come instead of waiting for more.
    fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let read = object.getattr("read1").or_else(|_| object.getattr("read"))?;
        Ok(Self { read: read.unbind() })
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Python::attach(|py| {
            let bytes = self.read.call1(py, (buffer.len().min(READ),))?;
            if bytes.is_none(py) {
                return Err(PyBlockingIOError::new_err("the file object does not block").into());
            }
            let bytes = bytes.bind(py).cast::<PyBytes>().map_err(PyErr::from)?.as_bytes();
            let length = bytes.len().min(buffer.len());
            buffer[..length].copy_from_slice(&bytes[..length]);
            Ok(length)
        })
    }
}

/// The one way from the crate's error to Python's.
fn to_python(py: Python<'_>, error: Error, path: Option<&str>) -> PyErr {
    match error {
        Error::Io(error) => match (error.raw_os_error(), path) {
            (Some(number), Some(path)) => PyOSError::new_err((number, reason(&error), path.to_owned())),
            (Some(number), None) => PyOSError::new_err((number, reason(&error))),
            _ => error.into(),
        },
        Error::NotACapture { offset, .. } => capture_error(py, &error, offset),
        Error::Compression(Fault { offset, .. }) => capture_error(py, &error, offset),
    }
}

fn capture_error(py: Python<'_>, error: &Error, offset: u64) -> PyErr {
    let raised = CaptureError::new_err(error.to_string());
    let value = raised.value(py);
    match value.setattr("code", error.code()).and_then(|()| value.setattr("offset", offset)) {
        Ok(()) => raised,
        Err(other) => other,
    }
}

/// The words of an operating system error without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
