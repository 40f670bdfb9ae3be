//! tnftp, the `ftp` of the BSDs, of macOS once, and of Debian.

use std::path::Path;

use super::client::{Client, Mode, Outcome, Target, text};

pub(crate) struct Tnftp;

fn script(target: &Target, commands: &str) -> Result<String, String> {
    let mode = if target.mode.is_passive() { "-p" } else { "-A" };
    let epsv = if target.mode == Mode::ExtendedPassive {
        ""
    } else {
        "epsv4 off\n"
    };
    let input = format!(
        "user \"{}\" \"{}\"\nbinary\n{epsv}{commands}\nquit\n",
        target.name, target.password
    );
    let finished = target
        .program("tnftp", "tnftp")
        .args([
            "-n",
            "-i",
            "-v",
            mode,
            "127.0.0.1",
            &target.port.to_string(),
        ])
        .input(input)
        .run()
        .well()?;
    // It ends with 0 whatever the server said; a refusal shows in what it printed.
    let output = String::from_utf8(finished.output).map_err(|error| error.to_string())?;
    let refused = output.lines().find(|line| {
        line.as_bytes()
            .first()
            .is_some_and(|digit| b"45".contains(digit))
            && line.as_bytes().get(3) == Some(&b' ')
    });
    match refused {
        Some(line) => Err(format!("{line}\nin:\n{output}")),
        None => Ok(output),
    }
}

impl Client for Tnftp {
    fn name(&self) -> &'static str {
        "tnftp"
    }

    fn list(&self, target: &Target, folder: &str) -> Result<String, String> {
        script(target, &format!("cd \"{folder}\"\nls\nnlist\nmlsd"))
    }

    fn download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        script(target, &format!("get \"{remote}\" \"{}\"", text(local))).map(drop)
    }

    fn resume_download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        script(target, &format!("reget \"{remote}\" \"{}\"", text(local))).map(drop)
    }

    fn upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        script(target, &format!("put \"{}\" \"{remote}\"", text(local))).map(drop)
    }

    fn resume_upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        // It has no automatic resume of uploads: `restart` sets the place for the next transfer.
        let size = script(target, &format!("size \"{remote}\""))?;
        let offset = size
            .lines()
            .filter_map(|line| line.rsplit_once(|c: char| !c.is_ascii_digit()))
            .filter_map(|(_, number)| number.parse::<u64>().ok())
            .find(|number| *number > 1000)
            .ok_or_else(|| format!("no size in:\n{size}"))?;
        let commands = format!("restart {offset}\nput \"{}\" \"{remote}\"", text(local));
        script(target, &commands).map(drop)
    }

    fn rename(&self, target: &Target, from: &str, to: &str) -> Outcome {
        script(target, &format!("rename \"{from}\" \"{to}\"")).map(drop)
    }

    fn delete(&self, target: &Target, remote: &str) -> Outcome {
        script(target, &format!("delete \"{remote}\"")).map(drop)
    }

    fn make_folder(&self, target: &Target, remote: &str) -> Outcome {
        script(target, &format!("mkdir \"{remote}\"")).map(drop)
    }

    fn remove_folder(&self, target: &Target, remote: &str) -> Outcome {
        script(target, &format!("rmdir \"{remote}\"")).map(drop)
    }
}
