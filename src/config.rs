//! Text → Raw → Settings → built parts.
