//! FileZilla, the program itself, on a virtual display: its queue is filled beforehand, one key
//! sets it going, and its log tells how it went.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wharf_tests::program::{Program, Running};
use wharf_tests::{PATIENCE, Wharf, assert_bytes, pattern};

use super::client::{Mode, Start, Target, Tls, Version, text};

#[test]
fn filezilla_explicit_tls_1_2() {
    transfers(Mode::Passive, Start::Explicit, Version::V12);
}

#[test]
fn filezilla_explicit_tls_1_3() {
    transfers(Mode::Passive, Start::Explicit, Version::V13);
}

#[test]
fn filezilla_implicit_tls_1_2() {
    transfers(Mode::Passive, Start::Implicit, Version::V12);
}

#[test]
fn filezilla_implicit_tls_1_3() {
    transfers(Mode::Passive, Start::Implicit, Version::V13);
}

#[test]
fn filezilla_active_tls_1_3() {
    transfers(Mode::Active, Start::Explicit, Version::V13);
}

// One connection lists; two more, each with a session of its own, work on the queue at once.
fn transfers(mode: Mode, start: Start, version: Version) {
    let wharf = super::tls::start(version);
    let target = Target::over_tls(&wharf, mode, Tls { start, version });
    let files = Files::prepare(&wharf, [0, 300_000, 300_001, 4_000_000]);
    // The lowest passive port is nobody else's, so its number is free for a display too: servers
    // that look for a free one at the same time take it from each other.
    let number = *wharf.ports().ports().start();
    let filezilla = FileZilla::start(&target, version, &files, number);
    filezilla.process_queue(&target, &files);
    files.check();
}

/// What it is given to move, each way: files of four sizes, and one to resume.
pub(crate) struct Files<'a> {
    wharf: &'a Wharf,
    local: PathBuf,
    sizes: [usize; 4],
}

impl<'a> Files<'a> {
    pub(crate) fn prepare(wharf: &'a Wharf, sizes: [usize; 4]) -> Self {
        let local = wharf.scratch().local();
        let files = Self {
            wharf,
            local,
            sizes,
        };
        for (down, up, content) in files.whole() {
            wharf.write(&down, &content);
            fs::write(files.local.join(&up), &content).expect("a local file");
            files.stamp(&up);
        }
        // The piece that is there is marked: what comes out shows that it was kept.
        let (whole, marked) = resumed();
        wharf.write("down-rest", &whole);
        fs::write(files.local.join("down-rest"), &marked[..KEPT]).expect("a local piece");
        fs::write(files.local.join("up-rest"), &whole).expect("a local file");
        wharf.write("up-rest", &marked[..KEPT]);
        files
    }

    /// Names as a download and as an upload, and the content of both.
    fn whole(&self) -> impl Iterator<Item = (String, String, Vec<u8>)> {
        let sizes = self.sizes.into_iter().enumerate();
        sizes.map(|(index, size)| {
            let content = pattern(index as u64, size);
            (format!("down-{index}"), format!("up-{index}"), content)
        })
    }

    fn names(&self) -> Vec<String> {
        let whole = self.whole().flat_map(|(down, up, _)| [down, up]);
        whole
            .chain(["down-rest".into(), "up-rest".into()])
            .collect()
    }

    /// An old time, which uploads are to keep.
    fn stamp(&self, name: &str) {
        let file = File::options().write(true).open(self.local.join(name));
        let kept = file.and_then(|file| file.set_modified(some_time()));
        kept.expect("an old time");
    }

    pub(crate) fn check(&self) {
        for (down, up, content) in self.whole() {
            assert_bytes(&down, &content, &self.local(&down));
            assert_bytes(&up, &content, &self.wharf.read(&up));
            let metadata = fs::metadata(self.wharf.path(&up)).expect("an upload");
            let time = metadata.modified().expect("its time");
            assert_eq!(time, some_time(), "{up}");
        }
        let (_, marked) = resumed();
        assert_bytes("down-rest", &marked, &self.local("down-rest"));
        assert_bytes("up-rest", &marked, &self.wharf.read("up-rest"));
    }

    fn local(&self, name: &str) -> Vec<u8> {
        fs::read(self.local.join(name)).expect("a file that came")
    }
}

/// A file, and what it is when its beginning was there already.
fn resumed() -> (Vec<u8>, Vec<u8>) {
    let whole = pattern(77, 900_000);
    let mut marked = whole.clone();
    marked[..KEPT].fill(b'x');
    (whole, marked)
}

/// 3 February 2019.
fn some_time() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_549_152_000)
}

const KEPT: usize = 250_001;

pub(crate) struct FileZilla {
    log: PathBuf,
    output: PathBuf,
    display: Display,
    _program: Running,
}

impl FileZilla {
    /// Starts it, and has it connect and list.
    fn start(target: &Target, version: Version, files: &Files<'_>, number: u16) -> Self {
        // It has no setting for the newest version to speak; its TLS library has.
        let newest: &str = match version {
            Version::V13 => "",
            Version::V12 | Version::V12SessionIds => "[overrides]\ndisabled-version = tls1.3\n",
        };
        let (scheme, protocol) = if target.is_implicit() {
            ("ftps", "3")
        } else {
            ("ftpes", "4")
        };
        let settings = write_settings(target);
        trust(&settings, target);
        Self::start_as(target, files, number, (scheme, protocol, newest))
    }

    /// The same over SFTP; the host key is known already.
    pub(crate) fn start_sftp(target: &Target, files: &Files<'_>, number: u16) -> Self {
        write_settings(target);
        Self::start_as(target, files, number, ("sftp", "1", ""))
    }

    fn start_as(
        target: &Target,
        files: &Files<'_>,
        number: u16,
        (scheme, protocol, newest): (&str, &str, &str),
    ) -> Self {
        write_queue(target, files, protocol);
        let priorities = target.home.join("priorities");
        fs::write(&priorities, newest).expect("the priorities");
        let display = Display::start(target, number);
        let output = target.home.join("filezilla.output");
        let said = File::create(&output).expect("a file");
        let program = target
            .program("filezilla", "filezilla")
            .env("DISPLAY", &display.name)
            .env("GDK_BACKEND", "x11")
            .env("NO_AT_BRIDGE", "1")
            .env("GNUTLS_SYSTEM_PRIORITY_FILE", &priorities)
            .env("GNUTLS_SYSTEM_PRIORITY_FAIL_ON_INVALID", "1")
            .without("XDG_CONFIG_HOME")
            .arg(format!(
                "{scheme}://{}:{}@127.0.0.1:{}/",
                target.name, target.password, target.port
            ))
            .start(&said);
        let filezilla = Self {
            log: log(target),
            output,
            display,
            _program: program,
        };
        filezilla.wait_log("the listing", |log| {
            log.contains("Directory listing of \"/\" successful")
        });
        filezilla
    }

    /// Sets the queue going and waits until all of it is done.
    pub(crate) fn process_queue(&self, target: &Target, files: &Files<'_>) {
        let title = format!("{}@127.0.0.1:{} - FileZilla", target.name, target.port);
        let words = ["search", "--sync", "--limit", "1", "--name", &title];
        let words = words
            .into_iter()
            .chain(["windowfocus", "--sync", "key", "ctrl+p"]);
        let pressed = target
            .program("xdotool", "xdotool")
            .env("DISPLAY", &self.display.name)
            .args(words)
            .limit(PATIENCE)
            .run();
        if let Err(problem) = pressed.well() {
            panic!("{problem}");
        }
        let count = files.names().len();
        let log = self.wait_log("the end of the queue", |log| {
            log.contains("Error:") || log.matches("File transfer successful").count() == count
        });
        assert!(!log.contains("Error:"), "{log}");
    }

    // It tells nobody when it has written to its log.
    fn wait_log(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            if wanted(&log) {
                return log;
            }
            if Instant::now() > deadline {
                let said = fs::read(&self.output).unwrap_or_default();
                panic!("{what} did not come:\n{log}\n{}", wharf_tests::show(&said));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A display that nobody sees.
struct Display {
    name: String,
    _server: Running,
}

impl Display {
    fn start(target: &Target, number: u16) -> Self {
        let name = format!(":{number}");
        let path = target.home.join("display");
        let output = File::create(&path).expect("a file for the display's number");
        let server = Program::new("Xvfb", "xvfb")
            .args([
                &name,
                "-displayfd",
                "1",
                "-nolisten",
                "tcp",
                "-screen",
                "0",
                "1024x768x24",
            ])
            .start(&output);
        let deadline = Instant::now() + PATIENCE;
        let mut said = String::new();
        while !said.ends_with('\n') {
            assert!(Instant::now() < deadline, "no display: {said}");
            std::thread::sleep(Duration::from_millis(20));
            said = fs::read_to_string(&path).expect("its number");
        }
        Self {
            name,
            _server: server,
        }
    }
}

fn log(target: &Target) -> PathBuf {
    target.home.join("filezilla.log")
}

fn settings_folder(target: &Target) -> PathBuf {
    target.home.join(".config/filezilla")
}

/// Returns the folder with the settings.
fn write_settings(target: &Target) -> PathBuf {
    let folder = settings_folder(target);
    fs::create_dir_all(&folder).expect("a folder for its settings");
    let passive = u8::from(target.mode.is_passive());
    let settings = format!(
        "<Setting name=\"Greeting version\">99.0.0</Setting>\
         <Setting name=\"Disable update check\">1</Setting>\
         <Setting name=\"Use Pasv mode\">{passive}</Setting>\
         <Setting name=\"Allow transfermode fallback\">0</Setting>\
         <Setting name=\"Reconnect count\">0</Setting>\
         <Setting name=\"Preserve timestamps\">1</Setting>\
         <Setting name=\"Number of Transfers\">2</Setting>\
         <Setting name=\"Logging file\">{}</Setting>",
        text(&log(target))
    );
    write_xml(&folder.join("filezilla.xml"), "Settings", &settings);
    folder
}

fn trust(folder: &Path, target: &Target) {
    let certificate = format!(
        "<Certificate><Data>{}</Data><Host>127.0.0.1</Host><Port>{}</Port>\
         <ActivationTime>1</ActivationTime><ExpirationTime>9999999999</ExpirationTime>\
         <TrustSANs>0</TrustSANs></Certificate>",
        certificate_in_hexadecimal(target),
        target.port
    );
    write_xml(
        &folder.join("trustedcerts.xml"),
        "TrustedCerts",
        &certificate,
    );
}

fn write_xml(path: &Path, element: &str, content: &str) {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <FileZilla3><{element}>{content}</{element}></FileZilla3>\n"
    );
    fs::write(path, xml).expect("its settings");
}

fn certificate_in_hexadecimal(target: &Target) -> String {
    let finished = target
        .program("openssl", "openssl")
        .args(["x509", "-outform", "DER", "-in", &text(&target.certificate)])
        .run()
        .well();
    let der = finished
        .unwrap_or_else(|problem| panic!("{problem}"))
        .output;
    der.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write_queue(target: &Target, files: &Files<'_>, protocol: &str) {
    let finished = target
        .program("python3", "python3")
        .args(["-c", include_str!("filezilla_queue.py")])
        .arg(settings_folder(target).join("queue.sqlite3"))
        .args([
            protocol,
            &target.port.to_string(),
            &target.name,
            &target.password,
        ])
        .arg(&files.local)
        .args(files.names())
        .run();
    if let Err(problem) = finished.well() {
        panic!("{problem}");
    }
}
