//! Other people's clients, each through the same suite, and mirrors of a tree with odd names.

mod client;
mod curl;
mod lftp;
mod mirror;
mod ncftp;
mod rclone;
mod scripts;
mod suite;
mod tnftp;
mod wget;

use client::{Client, Mode};
use wharf_tests::Wharf;

macro_rules! suite {
    ($($test:ident: $client:expr, $mode:ident;)*) => {
        $(
            #[test]
            fn $test() {
                suite::run(&$client, Mode::$mode);
            }
        )*
    };
}

suite! {
    curl_extended_passive: curl::Curl, ExtendedPassive;
    curl_passive: curl::Curl, Passive;
    curl_extended_active: curl::Curl, ExtendedActive;
    curl_active: curl::Curl, Active;
    lftp_extended_passive: lftp::Lftp, ExtendedPassive;
    lftp_passive: lftp::Lftp, Passive;
    lftp_active: lftp::Lftp, Active;
    ncftp_passive: ncftp::Ncftp, Passive;
    ncftp_active: ncftp::Ncftp, Active;
    tnftp_extended_passive: tnftp::Tnftp, ExtendedPassive;
    tnftp_passive: tnftp::Tnftp, Passive;
    tnftp_active: tnftp::Tnftp, Active;
    rclone_extended_passive: rclone::Rclone, ExtendedPassive;
    rclone_passive: rclone::Rclone, Passive;
    wget_passive: wget::Wget, Passive;
    wget_active: wget::Wget, Active;
    python_ftplib_passive: scripts::PYTHON, Passive;
    python_ftplib_active: scripts::PYTHON, Active;
    perl_net_ftp_passive: scripts::PERL, Passive;
    perl_net_ftp_active: scripts::PERL, Active;
}

/// A refused password is reported as such, by a client's exit code, and ends in a clean 530.
#[test]
fn a_wrong_password_is_an_error_for_every_client() {
    let wharf = Wharf::start();
    wharf.write("a.txt", "a");
    let mut target = client::Target::of(&wharf, Mode::Passive);
    target.password = "wrong".to_owned();
    let clients: [&dyn Client; 5] = [
        &curl::Curl,
        &lftp::Lftp,
        &wget::Wget,
        &scripts::PYTHON,
        &scripts::PERL,
    ];
    for client in clients {
        let local = wharf.scratch().local().join("a.txt");
        let outcome = client.download(&target, "a.txt", &local);
        assert!(
            outcome.is_err(),
            "{} says that a wrong password works",
            client.name()
        );
    }
}
