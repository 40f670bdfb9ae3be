//! What TLS adds to the suite: uploads that come whole however often, trees, aborts, clients that
//! hang up, transfers between two servers.

use std::fs;

use wharf_tests::{Account, Wharf, pattern, tree};

use super::client::{Client, Mode, Start, Target, Tls, Version, text};
use super::mirror::{rclone_cannot, same, told};
use super::{curl, lftp, rclone, scripts};

/// A server that takes passwords over TLS only and resumed data connections only, which is the
/// default. What speaks with a server that has no 1.2 to offer speaks 1.3.
#[track_caller]
pub(crate) fn start(version: Version) -> Wharf {
    with(version, "")
}

/// `more` belongs to `[tls]`.
#[track_caller]
fn with(version: Version, more: &str) -> Wharf {
    at("127.0.0.1", version, more)
}

fn at(address: &str, version: Version, more: &str) -> Wharf {
    let minimum = version.number();
    Wharf::with()
        .listen(address)
        .implicit()
        .default_plaintext()
        // A hundred waits for the disk would test the disk.
        .settings(&format!(
            "[uploads]\ndurability = \"none\"\n[tls]\nmin_version = \"{minimum}\"\n{more}"
        ))
        .start()
}

fn target(wharf: &Wharf, version: Version) -> Target {
    let start = Start::Explicit;
    Target::over_tls(wharf, Mode::ExtendedPassive, Tls { start, version })
}

/// Clients of TLS 1.3 that close without reading the tickets of a data connection reset it, and
/// the end of the upload is lost (security P7): lftp and curl do, on servers that send any.
#[test]
fn p7_a_hundred_uploads_by_lftp_come_whole() {
    let wharf = start(Version::V13);
    let target = target(&wharf, Version::V13);
    let local = wharf.scratch().local();
    let files = make_files(&wharf, 100, 300_000);
    // Half in one session, half in a session each.
    let many = format!("mput {}/up-0*", text(&local));
    told(lftp::run(&target, &[], &many));
    for name in files.keys().filter(|name| name.starts_with(b"up-1")) {
        let file = local.join(wharf_tests::show(name));
        let one = format!("put {}", lftp::quoted(&text(&file)));
        told(lftp::run(&target, &[], &one));
    }
    told(tree::compare(&files, &tree::read_tree(wharf.root())));
}

#[test]
fn p7_a_hundred_uploads_by_curl_come_whole() {
    let wharf = start(Version::V13);
    let target = target(&wharf, Version::V13);
    let local = wharf.scratch().local();
    let files = make_files(&wharf, 100, 300_000);
    let names: Vec<_> = files.keys().collect();
    // Each waits for a fifth of a second in between; they need not wait one after the other.
    std::thread::scope(|scope| {
        for some in names.chunks(20) {
            let (target, local) = (&target, &local);
            scope.spawn(move || {
                for name in some {
                    let file = local.join(wharf_tests::show(name));
                    told(upload_by_curl(target, &text(&file)));
                }
            });
        }
    });
    told(tree::compare(&files, &tree::read_tree(wharf.root())));
}

// `up-000` to `up-049`, then `up-100` to `up-149`.
fn make_files(wharf: &Wharf, count: u64, size: usize) -> tree::Files {
    let mut files = tree::Files::new();
    for index in 0..count {
        let half = index / (count / 2);
        let name = format!("up-{half}{:02}", index % (count / 2)).into_bytes();
        let content = pattern(index, size);
        tree::write(&wharf.scratch().local(), &name, &content);
        files.insert(name, content);
    }
    files
}

// One file at a time: curl's OpenSSL uses up a ticket of TLS 1.3 with the first upload, and of
// those it was given at the start curl has kept one.
fn upload_by_curl(target: &Target, file: &str) -> Result<(), String> {
    curl::Curl::program(target)
        .args(["--upload-file", file])
        .arg(target.url(""))
        .run()
        .well()
        .map(drop)
}

/// The whole matrix of security P7; fifty times each in the long form, twice otherwise.
#[test]
fn p7_uploads_of_every_size_come_whole_over_tls_1_2() {
    every_size(Version::V12);
}

#[test]
fn p7_uploads_of_every_size_come_whole_over_tls_1_3() {
    every_size(Version::V13);
}

fn every_size(version: Version) {
    let wharf = start(version);
    let target = target(&wharf, version);
    let local = wharf.scratch().local();
    let sizes = [0, 1, 16_384, 300_000, 10_000_000];
    for (index, size) in sizes.into_iter().enumerate() {
        fs::write(
            local.join(format!("{size}.bin")),
            pattern(index as u64, size),
        )
        .expect("a file");
    }
    let rounds = if wharf_tests::long() { 50 } else { 2 };
    for round in 0..rounds {
        for (client, upload) in UPLOADS {
            let names = sizes.map(|size| format!("{size}.bin"));
            told(upload(&target, &local, &names));
            for (index, size) in sizes.into_iter().enumerate() {
                let found = wharf.read(&format!("{size}.bin"));
                let what = format!("{size} bytes by {client}, round {round}");
                wharf_tests::assert_bytes(&what, &pattern(index as u64, size), &found);
                fs::remove_file(wharf.path(&format!("{size}.bin"))).expect("removing it");
            }
        }
    }
}

type Upload = fn(&Target, &std::path::Path, &[String]) -> Result<(), String>;

const UPLOADS: [(&str, Upload); 3] = [
    ("lftp", |target, local, names| {
        let files: Vec<_> = names.iter().map(|name| text(&local.join(name))).collect();
        lftp::run(target, &[], &format!("mput {}", files.join(" "))).map(drop)
    }),
    ("curl", |target, local, names| {
        names
            .iter()
            .try_for_each(|name| upload_by_curl(target, &text(&local.join(name))))
    }),
    ("python", |target, local, names| {
        let files: Vec<_> = names
            .iter()
            .flat_map(|name| [text(&local.join(name)), name.clone()])
            .collect();
        let words = ["put"].into_iter().chain(files.iter().map(String::as_str));
        let words: Vec<_> = words.collect();
        scripts::PYTHON.run(target, &words).map(drop)
    }),
];

#[test]
fn lftp_mirrors_down_over_tls() {
    let wharf = start(Version::V13);
    let target = target(&wharf, Version::V13);
    let expected = tree::make_odd_tree(wharf.root(), |_| false);
    let local = wharf.scratch().local();
    let mirror = format!("mirror --parallel=3 / {}", lftp::quoted(&text(&local)));
    told(lftp::run(&target, &[], &mirror));
    same(&expected, &tree::read_tree(&local));
}

#[test]
fn lftp_mirrors_up_over_tls() {
    let wharf = start(Version::V12);
    let target = target(&wharf, Version::V12);
    let local = wharf.scratch().local();
    let expected = tree::make_odd_tree(&local, |_| false);
    let from = lftp::quoted(&text(&local));
    let mirror = format!("mirror --reverse --parallel=3 {from} /");
    told(lftp::run(&target, &[], &mirror));
    same(&expected, &tree::read_tree(wharf.root()));
}

/// rclone keeps one session for all its connections, so that the data connections of one resume
/// the session of another: it needs one connection at a time where resumption is demanded.
#[test]
fn rclone_mirrors_over_tls_with_one_connection() {
    rclone_mirrors(
        "",
        &["--transfers", "1", "--checkers", "1", "--check-first"],
    );
}

#[test]
fn rclone_mirrors_over_tls_with_many_where_resumption_is_not_demanded() {
    rclone_mirrors("reuse = \"prefer\"\n", &["--transfers", "4"]);
}

fn rclone_mirrors(settings: &str, options: &[&str]) {
    let wharf = with(Version::V13, settings);
    let target = target(&wharf, Version::V13);
    let local = wharf.scratch().local();
    let expected = tree::make_odd_tree(&local, rclone_cannot);
    let program = rclone::rclone(&target).and_then(|program| {
        let program = program.arg("sync").args(options);
        program.args([&text(&local), "wharf:"]).run().well()
    });
    told(program);
    same(&expected, &tree::read_tree(wharf.root()));
}

/// ABOR in the middle of a download and of an upload, and the session goes on.
#[test]
fn a_transfer_over_tls_can_be_aborted() {
    for version in [Version::V12, Version::V13] {
        let wharf = start(version);
        let target = target(&wharf, version);
        wharf.write("large.bin", pattern(1, 30_000_000));
        wharf.write("there.bin", "what was there");
        told(scripts::PYTHON.run(&target, &["abort", "large.bin", "there.bin"]));
        assert_eq!(wharf.read("there.bin"), b"what was there");
    }
}

/// .NET closes its data connections without TLS's goodbye. Its uploads cannot be told from cut
/// ones, so they fail unless its network is trusted to say all it has to say.
#[test]
fn p8_a_client_that_hangs_up_is_taken_from_its_network_only() {
    for version in [Version::V12SessionIds, Version::V13] {
        let relaxed = "networks = [{ clients = \"127.0.0.0/8\", close_notify = \"optional\" }]\n";
        for (settings, code, content) in [("", "426", "old"), (relaxed, "226", "new")] {
            let wharf = with(version, settings);
            let target = target(&wharf, version);
            wharf.write("report.bin", "old");
            let local = wharf.scratch().local().join("report.bin");
            fs::write(&local, "new").expect("a file");
            let words = ["put-and-hang-up", &text(&local), "report.bin"];
            let said = scripts::PYTHON.run(&target, &words);
            let said = said.unwrap_or_else(|problem| panic!("{problem}"));
            assert!(said.starts_with(code), "{version:?}: {said}");
            assert_eq!(wharf.read("report.bin"), content.as_bytes(), "{version:?}");
        }
    }
}

/// Perl's Net::FTP by itself does not resume sessions in passive mode. It works where that is
/// only preferred, and the operator is told who would fail.
#[test]
fn a_client_that_does_not_resume_is_told_of_where_resumption_is_preferred() {
    let wharf = with(Version::V13, "reuse = \"prefer\"\n");
    let target = target(&wharf, Version::V13);
    wharf.write("a.txt", "a");
    let local = wharf.scratch().local().join("a.txt");
    let plain = scripts::PERL_AS_IT_IS;
    told(plain.download(&target, "a.txt", &local));
    assert_eq!(fs::read(&local).expect("the file"), b"a");
    let event = wharf.wait_event("data_not_resumed", |event| event["policy"] == "prefer");
    assert_eq!(event["cause"], "D-13", "{event}");

    let strict = start(Version::V13);
    let target = self::target(&strict, Version::V13);
    strict.write("a.txt", "a");
    let refused = plain.download(&target, "a.txt", &local);
    assert!(
        refused.as_ref().is_err_and(|said| said.contains("522")),
        "{refused:?}"
    );
    strict.wait_event("data_not_resumed", |event| event["policy"] == "require");
}

/// From one server to another without passing through the client, each data connection
/// protected: one of the servers is the TLS client then.
#[test]
fn lftp_has_two_servers_exchange_files_over_tls() {
    for version in [Version::V12, Version::V13] {
        let servers = Servers::start(version, &["--fxp", "yes"]);
        let content = pattern(9, 2_000_000);
        servers.from.write("to move.bin", &content);
        // Which of them listens, and which of them is told to be the client (SSCN).
        for settings in ["no no", "no yes", "yes no", "yes yes"] {
            let _ = fs::remove_file(servers.to.path("moved.bin"));
            if let Err(problem) = servers.exchange_by_lftp(settings) {
                panic!("{version:?}, {settings}: {problem}");
            }
            let found = servers.to.read("moved.bin");
            wharf_tests::assert_bytes(settings, &content, &found);
        }
    }
}

#[test]
fn two_servers_exchange_files_over_tls_by_cpsv() {
    let servers = Servers::start(Version::V13, &["--fxp", "yes"]);
    let content = pattern(10, 2_000_000);
    servers.from.write("to move.bin", &content);
    told(servers.exchange_by_cpsv());
    wharf_tests::assert_bytes("the copy", &content, &servers.to.read("moved.bin"));
}

#[test]
fn servers_exchange_nothing_for_an_account_that_may_not() {
    let servers = Servers::start(Version::V13, &[]);
    servers.from.write("to move.bin", "secret");
    for outcome in [
        servers.exchange_by_lftp("no no"),
        servers.exchange_by_cpsv(),
    ] {
        assert!(outcome.is_err(), "{outcome:?}");
        assert!(!servers.to.path("moved.bin").exists());
    }
}

/// Two of them, on two machines as far as they can tell.
struct Servers {
    from: Wharf,
    to: Wharf,
    source: Account,
    sink: Account,
    version: Version,
}

impl Servers {
    #[track_caller]
    fn start(version: Version, rights: &[&str]) -> Self {
        // Both wait for the other's first message where neither may be told to be the client.
        let settings = "[timeouts]\nhandshake = \"1 s\"\n";
        let [from, to] = ["127.0.0.2", "127.0.0.3"].map(|address| at(address, version, settings));
        Self {
            source: from.add_account("ann", rights),
            sink: to.add_account("bob", rights),
            from,
            to,
            version,
        }
    }

    /// `settings`: whether the source listens, and whether who listens is the TLS client.
    fn exchange_by_lftp(&self, settings: &str) -> Result<(), String> {
        let mut target = target(&self.from, self.version);
        target.name.clone_from(&self.source.name);
        target.password.clone_from(&self.source.password);
        // Each server has a certificate of its own, and lftp takes one file.
        let both = [&self.from, &self.to].map(|wharf| {
            fs::read(wharf.scratch().state().join("tls/certificate.pem")).expect("a certificate")
        });
        target.certificate = target.home.join("both.pem");
        fs::write(&target.certificate, both.concat()).expect("the certificates");
        let (passive, sscn) = settings.split_once(' ').expect("two words");
        let commands = format!(
            "set net:reconnect-interval-base 1; set ftp:use-fxp yes; set ftp:fxp-force yes; set ftp:ssl-protect-fxp yes; \
             set ftp:fxp-passive-source {passive}; set ftp:fxp-passive-sscn {sscn}; \
             get \"to move.bin\" -o ftp://{}:{}@{}/moved.bin",
            self.sink.name,
            self.sink.password,
            self.to.host(),
        );
        lftp::run(&target, &["-d"], &commands).map(drop)
    }

    fn exchange_by_cpsv(&self) -> Result<(), String> {
        let mut target = target(&self.from, self.version);
        target.name.clone_from(&self.source.name);
        target.password.clone_from(&self.source.password);
        let certificate = self.to.scratch().state().join("tls/certificate.pem");
        let address = self.to.address();
        let words = [
            "exchange",
            "to move.bin",
            "moved.bin",
            &text(&certificate),
            &address.ip().to_string(),
            &address.port().to_string(),
            &self.sink.name,
            &self.sink.password,
        ];
        scripts::PYTHON.run(&target, &words).map(drop)
    }
}
