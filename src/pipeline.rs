//! Framing, matcher, attribution and aggregation joined.
