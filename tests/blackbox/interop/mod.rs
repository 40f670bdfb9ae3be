//! Other people's clients, each through the same suite, and mirrors of a tree with odd names.

mod basic_ftp;
mod client;
mod curl;
mod filezilla;
mod lftp;
mod mirror;
mod ncftp;
mod rclone;
mod scan;
mod scripts;
mod sftp;
mod suite;
mod tls;
mod tnftp;
mod wget;

use client::{Client, Mode, Start, Version};
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
    basic_ftp_passive: basic_ftp::BasicFtp, Passive;
}

macro_rules! suite_over_tls {
    ($($test:ident: $client:expr, $mode:ident, $start:ident, $version:ident;)*) => {
        $(
            #[test]
            fn $test() {
                suite::run_over_tls(&$client, Mode::$mode, Start::$start, Version::$version);
            }
        )*
    };
}

// curl as Debian 12 has it (7.88) fails in active mode over TLS with every server.
suite_over_tls! {
    curl_explicit_tls_1_2: curl::Curl, ExtendedPassive, Explicit, V12;
    curl_explicit_tls_1_3: curl::Curl, ExtendedPassive, Explicit, V13;
    curl_implicit_tls_1_2: curl::Curl, ExtendedPassive, Implicit, V12;
    curl_implicit_tls_1_3: curl::Curl, Passive, Implicit, V13;
    lftp_explicit_tls_1_2: lftp::Lftp, Passive, Explicit, V12;
    lftp_explicit_tls_1_2_session_ids: lftp::Lftp, Passive, Explicit, V12SessionIds;
    lftp_explicit_tls_1_3: lftp::Lftp, ExtendedPassive, Explicit, V13;
    lftp_implicit_tls_1_2: lftp::Lftp, Passive, Implicit, V12;
    lftp_implicit_tls_1_3: lftp::Lftp, Passive, Implicit, V13;
    lftp_active_tls_1_2: lftp::Lftp, Active, Explicit, V12;
    lftp_active_tls_1_3: lftp::Lftp, Active, Implicit, V13;
    python_ftplib_explicit_tls_1_2: scripts::PYTHON, Passive, Explicit, V12;
    python_ftplib_explicit_tls_1_2_session_ids: scripts::PYTHON, Passive, Explicit, V12SessionIds;
    python_ftplib_explicit_tls_1_3: scripts::PYTHON, Passive, Explicit, V13;
    python_ftplib_implicit_tls_1_2: scripts::PYTHON, Active, Implicit, V12;
    python_ftplib_implicit_tls_1_3: scripts::PYTHON, Passive, Implicit, V13;
    python_ftplib_active_tls_1_3: scripts::PYTHON, Active, Explicit, V13;
    perl_net_ftp_explicit_tls_1_2: scripts::PERL, Passive, Explicit, V12;
    perl_net_ftp_explicit_tls_1_3: scripts::PERL, Passive, Explicit, V13;
    perl_net_ftp_implicit_tls_1_2: scripts::PERL, Passive, Implicit, V12;
    perl_net_ftp_implicit_tls_1_3: scripts::PERL, Passive, Implicit, V13;
    perl_net_ftp_active_tls_1_3: scripts::PERL, Active, Explicit, V13;
    rclone_explicit_tls_1_2: rclone::Rclone, Passive, Explicit, V12;
    rclone_explicit_tls_1_3: rclone::Rclone, ExtendedPassive, Explicit, V13;
    rclone_implicit_tls_1_2: rclone::Rclone, Passive, Implicit, V12;
    rclone_implicit_tls_1_3: rclone::Rclone, Passive, Implicit, V13;
    basic_ftp_explicit_tls_1_2: basic_ftp::BasicFtp, Passive, Explicit, V12;
    basic_ftp_explicit_tls_1_3: basic_ftp::BasicFtp, Passive, Explicit, V13;
    basic_ftp_implicit_tls_1_2: basic_ftp::BasicFtp, Passive, Implicit, V12;
    basic_ftp_implicit_tls_1_3: basic_ftp::BasicFtp, Passive, Implicit, V13;
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
