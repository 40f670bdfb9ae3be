//! NcFTP: its interactive program for small things, ncftpls, ncftpget and ncftpput for the rest.

use std::path::Path;

use wharf_tests::program::Program;

use super::client::{Client, Outcome, Target, text};

pub(crate) struct Ncftp;

/// One of the programs that take the host on the command line.
pub(crate) fn tool(target: &Target, name: &str) -> Program {
    let mode = if target.mode.is_passive() { "-F" } else { "-E" };
    target
        .program(name, "ncftp")
        .args(["-u", &target.name, "-p", &target.password])
        .args(["-P", &target.port.to_string(), "-t", "20", mode])
}

fn interactive(target: &Target, command: &str) -> Outcome {
    let passive = if target.mode.is_passive() {
        "on"
    } else {
        "off"
    };
    let script = format!(
        "set confirm-close no\nset save-passwords no\nset auto-resume yes\n\
         open -u \"{}\" -p \"{}\" -P {} 127.0.0.1\npassive {passive}\n{command}\nbye\n",
        target.name, target.password, target.port
    );
    // It has no exit code for a command that failed; the suite looks at the disk.
    target
        .program("ncftp3", "ncftp")
        .input(script)
        .run()
        .well()
        .map(drop)
}

fn long_listing(target: &Target, folder: &str) -> Result<String, String> {
    let finished = tool(target, "ncftpls")
        .arg("-l")
        .arg(url(folder))
        .run()
        .well()?;
    String::from_utf8(finished.output).map_err(|error| error.to_string())
}

fn url(folder: &str) -> String {
    format!("ftp://127.0.0.1/{}/", folder.replace(' ', "%20"))
}

impl Client for Ncftp {
    fn name(&self) -> &'static str {
        "ncftp"
    }

    fn list(&self, target: &Target, folder: &str) -> Result<String, String> {
        let short = tool(target, "ncftpls")
            .arg("-1")
            .arg(url(folder))
            .run()
            .well()?;
        let short = String::from_utf8(short.output).map_err(|error| error.to_string())?;
        let long = long_listing(target, folder)?;
        match short.lines().find(|name| !long.contains(name)) {
            None => Ok(short),
            Some(name) => Err(format!("{name} is not in the long listing:\n{long}")),
        }
    }

    fn download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        let folder = text(local.parent().ok_or("no folder")?);
        let program = tool(target, "ncftpget").args(["-V", "-Z", "127.0.0.1", &folder, remote]);
        program.run().well().map(drop)
    }

    fn resume_download(&self, target: &Target, remote: &str, local: &Path) -> Outcome {
        let folder = text(local.parent().ok_or("no folder")?);
        let program = tool(target, "ncftpget").args(["-V", "-z", "127.0.0.1", &folder, remote]);
        program.run().well().map(drop)
    }

    fn upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        let folder = remote.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let program =
            tool(target, "ncftpput").args(["-V", "-Z", "127.0.0.1", folder, &text(local)]);
        program.run().well().map(drop)
    }

    // `ncftpput -z` says `REST 250001` and then sends the file from its beginning, to every
    // server: its sendfile path forgets the offset (3.2.6). APPE with the rest is its other way.
    fn resume_upload(&self, target: &Target, local: &Path, remote: &str) -> Outcome {
        let (folder, name) = remote.rsplit_once('/').ok_or("a file in a folder")?;
        let listing = long_listing(target, folder)?;
        let size = listing
            .lines()
            .find(|line| line.ends_with(name))
            .and_then(|line| line.split_whitespace().nth(4)?.parse::<usize>().ok())
            .ok_or_else(|| format!("no size of {name} in:\n{listing}"))?;
        let content = std::fs::read(local).map_err(|error| error.to_string())?;
        let rest = target.home.join(name);
        let missing = content.get(size..).ok_or("the remote file is longer")?;
        std::fs::write(&rest, missing).map_err(|error| error.to_string())?;
        let program =
            tool(target, "ncftpput").args(["-V", "-A", "127.0.0.1", folder, &text(&rest)]);
        program.run().well().map(drop)
    }

    fn rename(&self, target: &Target, from: &str, to: &str) -> Outcome {
        interactive(target, &format!("rename \"{from}\" \"{to}\""))
    }

    fn delete(&self, target: &Target, remote: &str) -> Outcome {
        interactive(target, &format!("rm \"{remote}\""))
    }

    fn make_folder(&self, target: &Target, remote: &str) -> Outcome {
        interactive(target, &format!("mkdir \"{remote}\""))
    }

    fn remove_folder(&self, target: &Target, remote: &str) -> Outcome {
        interactive(target, &format!("rmdir \"{remote}\""))
    }
}
