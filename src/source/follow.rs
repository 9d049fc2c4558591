//! A file read from its start and then followed by looking again: no rotation, no truncation, no positions kept.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use super::{Reading, Source, Stop};

/// How long to wait at the end of the file before looking again.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub struct FollowedFile {
    file: File,
}

impl FollowedFile {
    /// Refuses what is no regular file; a directory with words of its own.
    pub fn open(path: &Path) -> io::Result<FollowedFile> {
        // Opening a pipe without a writer would hold us for ever, so its kind is looked at first.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() && !metadata.is_dir() {
            let message = "is no regular file; give a pipe or device on standard input";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let file = super::input::open(path)?;
        Ok(FollowedFile { file })
    }
}

impl Source for FollowedFile {
    fn read(&mut self, block: &mut [u8], patience: Duration, stop: &Stop) -> io::Result<Reading> {
        match self.file.read(block) {
            Ok(0) => {
                stop.sleep(patience.min(LOOK_AGAIN));
                Ok(Reading::Silence)
            }
            Ok(n) => Ok(Reading::Bytes(n)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Reading::Silence),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_is_appended_later_is_read_where_the_last_read_ended() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"one\n").unwrap();
        let mut source = FollowedFile::open(file.path()).unwrap();
        let (stop, mut block) = (Stop::new().unwrap(), [0; 64]);
        assert_eq!(source.read(&mut block, Duration::ZERO, &stop).unwrap(), Reading::Bytes(4));
        assert_eq!(source.read(&mut block, Duration::ZERO, &stop).unwrap(), Reading::Silence);
        file.write_all(b"two\nthree").unwrap();
        assert_eq!(source.read(&mut block, Duration::ZERO, &stop).unwrap(), Reading::Bytes(9));
        assert_eq!(&block[..9], b"two\nthree");
    }

    #[test]
    fn a_directory_is_refused_with_words_of_its_own() {
        let error = FollowedFile::open(Path::new("/")).unwrap_err();
        assert!(error.to_string().contains("is a directory"), "{error}");
    }
}
