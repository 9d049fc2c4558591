//! A state directory on a disk that is full: a real one, a small tmpfs, which root alone can mount.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::daemon::{Address, Life};
use super::scrape::{Kind, Reader, ask, files_known, lines_counted, next_commits, sheet, wait_until};
use super::writer::{Rotation, Writer};
use super::{Ground, dice, say};
use crate::cli::process::{run, stderr};
use crate::tools;

struct Mount(PathBuf);

impl Mount {
    fn new(at: &Path, options: &str) -> Result<Mount, String> {
        fs::create_dir_all(at).unwrap();
        let options = format!("mode=0700,{options}");
        let output = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).output();
        match output {
            Ok(output) if output.status.success() => Ok(Mount(at.to_owned())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(format!("mount does not start: {error}")),
        }
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut file = fs::File::create(self.filler()).unwrap();
        while file.write_all(&[1; 512]).is_ok() {}
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// What cannot be used from the start on is refused, beside what fails later. More of such directories are in `cli::state`.
#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn a_disk_that_cannot_be_written_to_at_the_start_is_refused_with_path_reason_and_hint() {
    const SELF: &str = "a_disk_that_cannot_be_written_to_at_the_start_is_refused_with_path_reason_and_hint";
    let ground = Ground::new();
    let at = ground.state();
    for (options, prepare, reason, hint) in [
        ("ro", (|_| ()) as fn(&Mount), "lock: cannot lock: Read-only file system", "can be written to"),
        ("size=4k", Mount::fill, "cannot write: No space left on device", "make room"),
        ("nr_inodes=1", |_| (), "lock: cannot lock: No space left on device", "make room"),
        ("uid=12345", |_| (), "belongs to user 12345, not to the user 0", "of the user that runs this"),
    ] {
        let mount = match Mount::new(&at, options) {
            Ok(mount) => mount,
            Err(reason) => return tools::skip(SELF, &reason),
        };
        prepare(&mount);
        let output =
            run(&["run", "--web.listen-address", "127.0.0.1:0", "--state.dir", at.to_str().unwrap()], b"x\n");
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{options}: {said}");
        for text in [&format!("state directory {}", at.display()), reason, "hint: ", hint] {
            assert!(said.contains(text), "{options}: {text:?} is missing: {said}");
        }
        assert!(said.matches("os error").count() <= 1, "{options}: {said}");
        assert!(!at.join("ledger.new").exists(), "{options}: what was not finished keeps no room");
    }
}

#[test]
#[ignore = "runs alone; tests/all.sh does it"]
fn with_a_full_disk_counting_goes_on_exposure_stands_still_and_all_is_there_afterwards() {
    const SELF: &str = "with_a_full_disk_counting_goes_on_exposure_stands_still_and_all_is_there_afterwards";
    let ground = Ground::new();
    let mount = match Mount::new(&ground.root.path().join("disk"), "size=512k") {
        Ok(mount) => mount,
        Err(reason) => return tools::skip(SELF, &reason),
    };
    let mut args = ground.args("*.log");
    *args.last_mut().unwrap() = mount.0.join("state").to_str().unwrap().to_owned();
    let mut dice = dice(8);
    let mut writer = Writer::new(&ground.log("w0.log"), 0, Rotation::Mixed, dice.split());
    let address = Address::default();
    let readers =
        [Kind::Scraper, Kind::Anybody].map(|kind| Reader::start(&address, kind, Duration::from_millis(20)));
    let mut life = Life::start_at(&args, &address);
    files_known(&life.address(), 1);
    let busy = |writer: &mut Writer, dice: &mut crate::sim::dice::Dice| {
        for _ in 0..20 {
            writer.write(1 + dice.below(50));
            if dice.chance(100) {
                writer.rotate();
            }
        }
    };
    let state = |exposed: &super::scrape::Sheet| {
        let of = |name: &str| exposed.sum(name, "");
        (
            of("faultline_lines_total"),
            of("faultline_bytes_total"),
            of("faultline_errors_total"),
            of("faultline_tenant_errors_total"),
        )
    };
    for round in 0..3 {
        busy(&mut writer, &mut dice);
        let here = life.address();
        lines_counted(&here, writer.noted.lines);
        next_commits(&here, 2);
        mount.fill();
        let errors = sheet(&here).sum("faultline_ledger_errors_total", "");
        busy(&mut writer, &mut dice);
        // The last block of the journal may have room for some commits more.
        let first = wait_until(&here, "a commit fails", |sheet| {
            sheet.sum("faultline_ledger_errors_total", "") > errors
        });
        let before = state(&first);
        for _ in 0..3 {
            busy(&mut writer, &mut dice);
            let now = next_commits(&here, 1);
            assert_eq!(state(&now), before, "round {round}");
            assert_eq!(now.sum("faultline_ledger_up", ""), 0);
        }
        let (status, why) = ask(&here, "/-/ready", "").unwrap();
        assert_eq!(status, 503, "{why}");
        assert!(why.contains("cannot be committed") && why.to_lowercase().contains("no space left"), "{why}");
        assert_eq!(ask(&here, "/-/healthy", "").unwrap().0, 200);
        life.wait_for_nth("counts cannot be committed", 1 + usize::from(round == 1));
        // One that is killed meanwhile, or stopped, goes on where it was committed last, with or without room.
        match round {
            2 => {
                life.kill();
                fs::remove_file(mount.filler()).unwrap();
                life = Life::start_at(&args, &address);
            }
            _ => fs::remove_file(mount.filler()).unwrap(),
        }
        let here = life.address();
        let now = lines_counted(&here, writer.noted.lines);
        assert_eq!(now.sum("faultline_ledger_up", ""), 1);
        assert_eq!(ask(&here, "/-/ready", "").unwrap().0, 200);
        writer.noted.assert_counted(&next_commits(&here, 2));
    }
    let reports = readers.map(Reader::finish);
    for report in &reports {
        assert_eq!(report.troubles, Vec::<String>::new());
    }
    writer.noted.assert_seen(&reports[0]);
    say(&format!(
        "proof full disk: 3 times full, {} lines, none lost, {} and {} scrapes",
        writer.noted.lines, reports[0].scrapes, reports[1].scrapes
    ));
    life.stop();
}
