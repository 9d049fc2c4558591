//! The names, types and meanings of everything that is counted from input, in the order of an exposition.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Counter,
    Gauge,
}

/// A metric family without its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub name: &'static str,
    pub kind: Kind,
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Head {
    Head { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Head {
    Head { name, kind: Kind::Gauge, help }
}

pub(super) const AMBIGUOUS_LINES: Head =
    counter("faultline_ambiguous_lines_total", "Records with an ambiguous error and no matched one.");
pub(super) const AMBIGUOUS: Head = counter(
    "faultline_ambiguous_total",
    "Errors whose provider or code is not settled; the unsettled part is _open.",
);
pub(super) const BYTES: Head = counter("faultline_bytes_total", "Bytes that were judged or skipped.");
pub(super) const CATALOGUE_INFO: Head =
    gauge("faultline_catalogue_info", "The rules in effect; the value is 1.");
pub(super) const CODE_INFO: Head =
    gauge("faultline_code_info", "Attributes of each code that was seen; the value is 1.");
pub(super) const FIRST_SEEN: Head =
    gauge("faultline_error_first_seen_timestamp_seconds", "When a code was seen first.");
pub(super) const LAST_SEEN: Head =
    gauge("faultline_error_last_seen_timestamp_seconds", "When a code was seen last.");
pub(super) const ERRORS: Head =
    counter("faultline_errors_total", "Errors that were matched to one code of one provider.");
pub(super) const FOREIGN_LINES: Head =
    counter("faultline_foreign_lines_total", "Records with foreign errors only.");
pub(super) const FOREIGN: Head =
    counter("faultline_foreign_total", "Look-alike errors of somebody whose catalogue is not loaded.");
pub(super) const OVERFLOW: Head = counter(
    "faultline_label_overflow_total",
    "Counts that found no room under their own label value and went to _other.",
);
pub(super) const LABEL_VALUES: Head =
    gauge("faultline_label_values", "Different values of a label that is limited over all metrics.");
pub(super) const LABEL_VALUES_LIMIT: Head =
    gauge("faultline_label_values_limit", "Values that such a label may have before _other takes the rest.");
pub(super) const LINES: Head =
    counter("faultline_lines_total", "Physical lines; records where a source has no lines.");
pub(super) const MATCHED: Head =
    counter("faultline_matched_total", "Records with a matched error, counted at their first line.");
pub(super) const OVERSIZED: Head =
    counter("faultline_oversized_total", "Lines that were cut at the line limit.");
pub(super) const PENDING: Head =
    gauge("faultline_pending_bytes", "Bytes read whose record is not complete yet.");
pub(super) const SERIES: Head = gauge(
    "faultline_series",
    "Series of a limited metric; faultline_lines_total stands for all metrics of a source.",
);
pub(super) const SERIES_LIMIT: Head =
    gauge("faultline_series_limit", "Series that a limited metric may have before _other takes the rest.");
pub(super) const SKIPPED: Head =
    counter("faultline_skipped_bytes_total", "Bytes read and not looked at, by reason.");
pub(super) const BEHIND: Head = gauge(
    "faultline_source_behind_bytes",
    "Bytes that are there and not read yet; of compressed files packed.",
);
pub(super) const FILES: Head = gauge("faultline_source_files", "Files that are followed.");
pub(super) const LAST_EVENT: Head = gauge(
    "faultline_source_last_event_timestamp_seconds",
    "When the last record with an error arrived or says it was written.",
);
pub(super) const LAST_READ: Head =
    gauge("faultline_source_last_read_timestamp_seconds", "When bytes were read last.");
pub(super) const LOST: Head =
    counter("faultline_source_lost_bytes_total", "Bytes that were written and could not be read, by reason.");
pub(super) const OPEN_FILES: Head = gauge("faultline_source_open_files", "Files that are followed and open.");
pub(super) const POSITION: Head = gauge(
    "faultline_source_position_timestamp_seconds",
    "When counts and positions were committed last; time() minus this is their age.",
);
pub(super) const ROTATIONS: Head = counter(
    "faultline_source_rotations_total",
    "Files that were renamed or deleted and whose path went to another.",
);
pub(super) const TRUNCATIONS: Head = counter(
    "faultline_source_truncations_total",
    "Files that were cut off before the place up to which they were read.",
);
pub(super) const UNREADABLE: Head =
    gauge("faultline_source_unreadable_files", "Files that are there and cannot be read.");
pub(super) const UP: Head = gauge("faultline_source_up", "1 when the source can be read, else 0.");
pub(super) const TENANT_ERRORS: Head =
    counter("faultline_tenant_errors_total", "Matched errors by the tenant that they hit.");
pub(super) const TENANT_REJECTED: Head = counter(
    "faultline_tenant_rejected_total",
    "Records whose tenant value did not become a label, by reason.",
);
pub(super) const TENANTS_ACTIVE: Head = gauge(
    "faultline_tenants_active",
    "Different named tenants of records with any verdict within the window; estimated when they are many.",
);
pub(super) const TENANTS_AFFECTED: Head = gauge(
    "faultline_tenants_affected",
    "Different named tenants that matched errors hit within the window; estimated when they are many. Not to be summed.",
);
pub(super) const UNDECODABLE: Head =
    counter("faultline_undecodable_total", "Lines that the source could not turn into text.");
pub(super) const UNMATCHED: Head =
    counter("faultline_unmatched_total", "Lines without an error, and further lines of records.");

/// All of them, sorted by name.
pub(super) const ALL: [Head; 37] = [
    AMBIGUOUS_LINES,
    AMBIGUOUS,
    BYTES,
    CATALOGUE_INFO,
    CODE_INFO,
    FIRST_SEEN,
    LAST_SEEN,
    ERRORS,
    FOREIGN_LINES,
    FOREIGN,
    OVERFLOW,
    LABEL_VALUES,
    LABEL_VALUES_LIMIT,
    LINES,
    MATCHED,
    OVERSIZED,
    PENDING,
    SERIES,
    SERIES_LIMIT,
    SKIPPED,
    BEHIND,
    FILES,
    LAST_EVENT,
    LAST_READ,
    LOST,
    OPEN_FILES,
    POSITION,
    ROTATIONS,
    TRUNCATIONS,
    UNREADABLE,
    UP,
    TENANT_ERRORS,
    TENANT_REJECTED,
    TENANTS_ACTIVE,
    TENANTS_AFFECTED,
    UNDECODABLE,
    UNMATCHED,
];
