//! Other people's SFTP clients, each through the same suite.

mod client;
mod curl;
mod exercise;
mod filezilla;
mod lftp;
mod names;
mod openssh;
mod psftp;
mod rclone;
mod scp;
mod scripts;
mod sshfs;
mod suite;
mod trees;

use wharf_tests::ssh::Kind;

macro_rules! suite {
    ($($test:ident, $by_key:ident: $client:expr, $kinds:expr;)*) => {
        $(
            #[test]
            fn $test() {
                suite::run(&$client);
            }

            #[test]
            fn $by_key() {
                suite::run_by_key(&$client, &$kinds);
            }
        )*
    };
}

// libssh2 before 1.11, which curl of Debian 12 has, signs with RSA keys by SHA-1 only.
suite! {
    openssh_sftp, openssh_sftp_by_key: openssh::Sftp, Kind::ALL;
    openssh_scp, openssh_scp_by_key: openssh::Scp { old: false }, Kind::ALL;
    openssh_old_scp, openssh_old_scp_by_key: openssh::Scp { old: true }, [Kind::Ed25519];
    sshfs_mounted, sshfs_by_key: sshfs::Sshfs, [Kind::Ed25519];
    putty_psftp, putty_psftp_by_key: psftp::Psftp, Kind::ALL;
    lftp_over_ssh, lftp_over_ssh_by_key: lftp::Lftp, [Kind::Ed25519];
    rclone_sftp, rclone_sftp_by_key: rclone::Rclone, Kind::ALL;
    curl_sftp, curl_sftp_by_key: curl::Curl, [Kind::Ed25519, Kind::Ecdsa];
    python_paramiko, python_paramiko_by_key: scripts::PARAMIKO, Kind::ALL;
    python_asyncssh, python_asyncssh_by_key: scripts::ASYNCSSH, Kind::ALL;
    node_ssh2, node_ssh2_by_key: scripts::SSH2, Kind::ALL;
}
