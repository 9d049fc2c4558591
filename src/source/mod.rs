//! Where bytes come from: stdin, files, compressed files.
