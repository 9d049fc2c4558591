//! A path → where its records come from. The name of a docker container does not stand in the path of its log, but in a
//! file beside it, which is read once, here.
//!
//! That file is believed as far as the path is: it has to be a plain file of bounded size that speaks of this very
//! container.

use std::io;
use std::path::Path;

use serde::Deserialize;

use crate::event::Origin;
use crate::world::{Files, Kind, Links};

const DOCKER_CONFIG: &str = "config.v2.json";
/// Environment and labels of a container stand in it; some 10 kB as a rule.
const DOCKER_CONFIG_BYTES_MAX: usize = 1 << 20;

/// What docker says of a container, as far as we ask.
#[derive(Deserialize)]
struct Config {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Name")]
    name: String,
}

/// Where the records of a file come from; `path` becomes a whole one. With it the reason why a container's name is not
/// known; a file that is somewhere else without its neighbour needs none.
pub fn of_file(files: &dyn Files, path: &Path) -> (Origin, Option<io::Error>) {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut origin = Origin::of_file(whole.to_string_lossy().into_owned());
    let Some(id) = origin.container_id.as_deref().filter(|_| origin.wants_container_name()) else {
        return (origin, None);
    };
    match docker_name(files, &whole.with_file_name(DOCKER_CONFIG), id) {
        Ok(name) => {
            origin.name_container(&name);
            (origin, None)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (origin, None),
        Err(error) => (origin, Some(error)),
    }
}

fn docker_name(files: &dyn Files, path: &Path, id: &str) -> io::Result<String> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what);
    let file = files.open(path, Links::Refuse)?;
    let stat = file.stat()?;
    if stat.kind != Kind::Regular || stat.len > DOCKER_CONFIG_BYTES_MAX as u64 {
        return Err(bad("no plain file, or larger than 1 MiB"));
    }
    let mut text = vec![0; stat.len as usize];
    let mut filled = 0;
    while filled < text.len() {
        match file.read_at(&mut text[filled..], filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let config: Config = serde_json::from_slice(&text[..filled]).map_err(|_| bad("not docker's JSON"))?;
    if config.id != id {
        return Err(bad("speaks of another container"));
    }
    Ok(config.name.strip_prefix('/').unwrap_or(&config.name).to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::world::Disk;

    const ID: &str = "4f66ad9a0b2e4d4f66ad9a0b2e4d4f66ad9a0b2e4d4f66ad9a0b2e4d4f66ad9a";

    /// The name, and why there is none, of a container whose configuration holds `config`.
    fn named(config: Option<&str>) -> (Option<String>, Option<String>) {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("containers").join(ID);
        fs::create_dir_all(&directory).unwrap();
        config.into_iter().for_each(|text| fs::write(directory.join(DOCKER_CONFIG), text).unwrap());
        let (origin, why) = of_file(&Disk, &directory.join(format!("{ID}-json.log")));
        assert_eq!(origin.container_id.as_deref(), Some(ID));
        (origin.container, why.map(|error| error.to_string()))
    }

    #[test]
    fn docker_says_the_name_of_a_container_beside_its_log() {
        let config =
            |id: &str, name: &str| format!(r#"{{"State":{{"Pid":7}},"ID":"{id}","Name":{name},"X":[1]}}"#);
        assert_eq!(named(Some(&config(ID, "\"/drm-edge\""))), (Some("drm-edge".into()), None));
        assert_eq!(named(None), (None, None), "a log that was copied away");
        for (config, why) in [
            (config(&"0".repeat(64), "\"/drm-edge\""), "speaks of another container"),
            (config(ID, "7"), "not docker's JSON"),
            ("[".repeat(100_000), "not docker's JSON"),
            (String::new(), "not docker's JSON"),
            (
                config(ID, "\"/a\"") + &" ".repeat(DOCKER_CONFIG_BYTES_MAX),
                "no plain file, or larger than 1 MiB",
            ),
        ] {
            assert_eq!(named(Some(&config)), (None, Some(why.to_owned())));
        }
        assert_eq!(named(Some(&config(ID, r#""/a\nb""#))), (None, None), "no name of docker's");
    }

    #[test]
    fn a_link_in_the_place_of_the_configuration_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("containers").join(ID);
        fs::create_dir_all(&directory).unwrap();
        let elsewhere = root.path().join("elsewhere.json");
        fs::write(&elsewhere, format!(r#"{{"ID":"{ID}","Name":"/drm-edge"}}"#)).unwrap();
        std::os::unix::fs::symlink(&elsewhere, directory.join(DOCKER_CONFIG)).unwrap();
        let (origin, why) = of_file(&Disk, &directory.join(format!("{ID}-json.log")));
        assert!(origin.container.is_none() && why.is_some());
    }
}
