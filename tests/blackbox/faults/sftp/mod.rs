//! What goes wrong in real life, over SFTP.

mod cuts;
mod disks;
mod kills;
mod limits;
mod live;
mod signals;
mod writers;

use std::path::PathBuf;

use wharf_tests::Wharf;
use wharf_tests::program::{Finished, Program};
use wharf_tests::ssh_client::UserKey;

fn serve() -> Wharf {
    Wharf::with().sftp().start()
}

fn serve_with(settings: &str) -> Wharf {
    Wharf::with().sftp().settings(settings).start()
}

/// The visible names of the served folder.
fn visible(wharf: &Wharf) -> Vec<String> {
    let names = wharf_tests::tree::names(wharf.root()).into_iter();
    let names = names.map(|name| wharf_tests::show(&name));
    names.filter(|name| !name.starts_with('.')).collect()
}

/// OpenSSH's sftp, logged in by a key of the first account.
struct OpenSsh {
    port: u16,
    key: PathBuf,
    name: String,
    folder: PathBuf,
}

impl OpenSsh {
    #[track_caller]
    fn of(wharf: &Wharf) -> Self {
        let folder = wharf.scratch().local();
        let key = UserKey::make(&folder, "id");
        let name = wharf.account().name.clone();
        let added = wharf.user(["key", "add", &name, &key.public()], "");
        added.well().unwrap_or_else(|problem| panic!("{problem}"));
        Self {
            port: wharf.sftp().port(),
            key: key.file,
            name,
            folder,
        }
    }

    /// Runs these commands of sftp's.
    fn run(&self, options: &[&str], commands: &str) -> Finished {
        Program::new("sftp", "openssh-client")
            .folder(&self.folder)
            .args(["-q", "-b", "-", "-P", &self.port.to_string(), "-i"])
            .arg(&self.key)
            .args([
                "-oIdentitiesOnly=yes",
                "-oStrictHostKeyChecking=no",
                "-oUserKnownHostsFile=/dev/null",
                "-oBatchMode=yes",
            ])
            .args(options)
            .arg(format!("{}@127.0.0.1", self.name))
            .input(commands)
            .run()
    }
}
