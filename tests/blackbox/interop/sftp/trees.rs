//! Trees of 300 files with odd names, carried whole in both directions.
//!
//! Each client is spared the names that it cannot carry to or from any server; which, and why,
//! stands with it.

use std::path::Path;

use wharf_tests::ssh::Ssh;
use wharf_tests::tree;

use super::super::mirror::{rclone_cannot, same, told};
use super::openssh::{OLD_SCP, Scp, Sftp};
use super::{lftp, rclone, suite};

#[test]
fn openssh_sftp_gets_and_puts_a_tree() {
    both_ways(
        |_| false,
        |ssh, local, down| {
            let verb = if down { "get -R tree" } else { "put -R tree" };
            let batch = format!("lcd \"{}\"\n{verb}\n", local.display());
            told(Sftp::batch(ssh, &[], batch.into_bytes()).well());
        },
    );
}

#[test]
fn openssh_scp_gets_and_puts_a_tree() {
    both_ways(
        |_| false,
        |ssh, local, down| scp(&Scp { old: false }, ssh, local, down),
    );
}

#[test]
fn openssh_old_scp_gets_and_puts_a_tree() {
    let old = Scp { old: true };
    both_ways_with(
        OLD_SCP,
        |_| false,
        |ssh, local, down| scp(&old, ssh, local, down),
    );
}

#[test]
fn lftp_mirrors_over_ssh() {
    both_ways(
        |_| false,
        |ssh, local, down| {
            let commands = if down {
                format!("mirror --parallel=3 tree \"{}/tree\"\n", local.display())
            } else {
                format!(
                    "mirror --reverse --parallel=3 \"{}/tree\" tree\n",
                    local.display()
                )
            };
            told(lftp::Lftp::commands(ssh, commands.as_bytes()).well());
        },
    );
}

#[test]
fn rclone_syncs_over_ssh() {
    both_ways(rclone_cannot, |ssh, local, down| {
        let (here, there) = (local.join("tree"), Path::new("wharf:tree"));
        let (from, to) = if down {
            (there, here.as_path())
        } else {
            (here.as_path(), there)
        };
        let program = rclone::rclone(ssh).args(["sync", "--transfers", "4"]);
        told(program.arg(from).arg(to).run().well());
    });
}

fn scp(scp: &Scp, ssh: &Ssh, local: &Path, down: bool) {
    let here = local.as_os_str().as_encoded_bytes().to_vec();
    let there = |name: &[u8]| scp.remote(ssh, name, down);
    let words = if down {
        [there(b"tree"), here]
    } else {
        [[here.as_slice(), b"/tree"].concat(), there(b".")]
    };
    told(scp.run(ssh, &["-r"], &words).well());
}

/// `carry` brings the folder `tree` to the local folder, or from there.
fn both_ways(cannot: fn(&[u8]) -> bool, carry: impl Fn(&Ssh, &Path, bool)) {
    both_ways_with(&[], cannot, carry);
}

fn both_ways_with(
    permission: &[&str],
    cannot: fn(&[u8]) -> bool,
    carry: impl Fn(&Ssh, &Path, bool),
) {
    for down in [true, false] {
        let wharf = suite::start_for(permission);
        let ssh = Ssh::of(&wharf);
        let local = wharf.scratch().local();
        let (from, to) = if down {
            (wharf.root(), local.as_path())
        } else {
            (local.as_path(), wharf.root())
        };
        let expected = tree::make_odd_tree(&from.join("tree"), cannot);
        carry(&ssh, &local, down);
        same(&expected, &tree::read_tree(&to.join("tree")));
    }
}
