use std::fs;
use std::path::Path;
use std::time::Duration;

use rustls::version::TLS13;
use tempfile::TempDir;

use super::super::certificate::tests::samples::{Authority, Sample, shake, trusting};
use super::resolver::tests::offer;
use super::*;

pub(super) fn files(folder: &Path, name: &str) -> CertificateFiles {
    CertificateFiles {
        chain: folder.join(format!("{name}.pem")),
        key: folder.join(format!("{name}.key")),
        optional: false,
    }
}

pub(super) fn write(files: &CertificateFiles, sample: &Sample) {
    fs::write(&files.chain, &sample.chain).unwrap();
    fs::write(&files.key, &sample.key).unwrap();
}

#[test]
fn loading_tells_all_problems_at_once() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new("CA");
    let [good, empty, missing] =
        ["good", "empty", "missing"].map(|name| files(folder.path(), name));
    write(&good, &authority.server(&["good.test"]));
    fs::write(&empty.chain, "").unwrap();
    fs::write(&empty.key, "").unwrap();
    let errors = Certificates::load(&[good.clone(), empty, missing.clone()]).unwrap_err();
    assert!(
        matches!(
            errors[..],
            [
                CertificateError::NotPem { .. },
                CertificateError::Unreadable { .. }
            ]
        ),
        "{errors:?}"
    );
    assert_eq!(
        Certificates::load(&[]).unwrap_err(),
        [CertificateError::Nothing]
    );

    let absent = CertificateFiles {
        optional: true,
        ..missing
    };
    let errors = Certificates::load(std::slice::from_ref(&absent)).unwrap_err();
    assert_eq!(errors, [CertificateError::Nothing]);
    assert_eq!(Certificates::load(&[absent, good]).unwrap().all().len(), 1);
}

#[test]
fn a_reload_takes_other_files_or_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new("CA");
    let [one, two, none] = ["one", "two", "none"].map(|name| files(folder.path(), name));
    write(&one, &authority.server(&["one.test"]));
    write(&two, &authority.server(&["two.test"]));
    let set = Certificates::load(std::slice::from_ref(&one)).unwrap();
    assert_eq!(set.reload(&[two.clone(), none]).unwrap_err().len(), 1);
    assert_eq!(set.first().names(), ["one.test"]);
    set.reload(&[two.clone(), one]).unwrap();
    assert_eq!(set.first().names(), ["two.test"]);
    write(&two, &authority.server(&["three.test"]));
    assert_eq!(set.refresh().unwrap().unwrap().len(), 1);
    assert_eq!(set.first().names(), ["three.test"]);
}

/// A set of one pair, whose clock is the test's.
struct Replaced {
    folder: TempDir,
    files: CertificateFiles,
    authority: Authority,
    set: Certificates,
    start: Instant,
}

impl Replaced {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let authority = Authority::new("CA");
        let files = files(folder.path(), "server");
        write(&files, &authority.server(&["old.test"]));
        let set = Certificates::load(std::slice::from_ref(&files)).unwrap();
        Self {
            folder,
            files,
            authority,
            set,
            start: Instant::now(),
        }
    }

    /// What a look `seconds` after the start finds.
    fn look(&self, seconds: u64) -> Result<Option<Vec<String>>, CertificateError> {
        let found = self
            .set
            .refresh_at(self.start + Duration::from_secs(seconds));
        found
            .map(|fresh| fresh.map(|all| all.iter().flat_map(|own| own.names().to_vec()).collect()))
    }

    #[track_caller]
    fn nothing_new(&self, seconds: u64) {
        assert_eq!(self.look(seconds), Ok(None));
    }

    #[track_caller]
    fn in_force(&self, name: &str) {
        assert_eq!(self.set.first().names(), [name]);
    }

    #[track_caller]
    fn found(&self, seconds: u64, name: &str) {
        assert_eq!(self.look(seconds), Ok(Some(vec![name.to_owned()])));
        self.in_force(name);
        self.nothing_new(seconds);
        self.nothing_new(seconds + 100);
    }
}

#[test]
fn files_replaced_by_a_rename_are_found() {
    let replaced = Replaced::new();
    replaced.nothing_new(0);
    let fresh = files(replaced.folder.path(), "fresh");
    write(&fresh, &replaced.authority.server(&["new.test"]));
    fs::rename(&fresh.chain, &replaced.files.chain).unwrap();
    replaced.nothing_new(2);
    replaced.in_force("old.test");
    fs::rename(&fresh.key, &replaced.files.key).unwrap();
    replaced.found(4, "new.test");
}

#[test]
fn files_replaced_in_place_are_found_in_either_order() {
    let replaced = Replaced::new();
    let [second, third] =
        ["second.test", "third.test"].map(|name| replaced.authority.server(&[name]));
    fs::write(&replaced.files.chain, &second.chain).unwrap();
    replaced.nothing_new(2);
    fs::write(&replaced.files.key, &second.key).unwrap();
    replaced.found(4, "second.test");
    fs::write(&replaced.files.key, &third.key).unwrap();
    replaced.nothing_new(106);
    replaced.in_force("second.test");
    fs::write(&replaced.files.chain, &third.chain).unwrap();
    replaced.found(108, "third.test");
}

#[test]
fn a_file_written_slowly_is_no_error() {
    let replaced = Replaced::new();
    let fresh = replaced.authority.server(&["new.test"]);
    fs::write(&replaced.files.key, &fresh.key).unwrap();
    for (second, end) in [0, 1, 40, 300, fresh.chain.len() - 20]
        .into_iter()
        .enumerate()
    {
        fs::write(&replaced.files.chain, &fresh.chain[..end]).unwrap();
        replaced.nothing_new(second as u64);
        replaced.in_force("old.test");
    }
    fs::write(&replaced.files.chain, &fresh.chain).unwrap();
    replaced.found(9, "new.test");
}

#[test]
fn a_pair_that_stays_wrong_is_told_once() {
    let replaced = Replaced::new();
    let fresh = replaced.authority.server(&["new.test"]);
    fs::write(&replaced.files.chain, &fresh.chain).unwrap();
    replaced.nothing_new(0);
    replaced.nothing_new(9);
    let error = replaced.look(10).unwrap_err();
    assert!(
        matches!(error, CertificateError::WrongKey { .. }),
        "{error}"
    );
    replaced.nothing_new(12);
    replaced.nothing_new(100);
    replaced.in_force("old.test");
    // Another mistake is told again.
    fs::write(&replaced.files.chain, "").unwrap();
    replaced.nothing_new(110);
    replaced.look(120).unwrap_err();
    replaced.nothing_new(122);
    write(&replaced.files, &fresh);
    replaced.found(124, "new.test");
}

#[test]
fn what_is_gone_stays_in_force() {
    let replaced = Replaced::new();
    fs::remove_file(&replaced.files.chain).unwrap();
    fs::remove_file(&replaced.files.key).unwrap();
    replaced.nothing_new(0);
    let error = replaced.look(11).unwrap_err();
    assert!(
        matches!(error, CertificateError::Unreadable { .. }),
        "{error}"
    );
    replaced.nothing_new(13);
    replaced.in_force("old.test");
    write(&replaced.files, &replaced.authority.server(&["new.test"]));
    replaced.found(15, "new.test");
}

#[test]
fn a_link_that_leads_elsewhere_is_found() {
    let replaced = Replaced::new();
    let [one, two] = ["one", "two"].map(|name| {
        let files = files(replaced.folder.path(), name);
        write(
            &files,
            &replaced.authority.server(&[&format!("{name}.test")]),
        );
        files
    });
    let link = |to: &CertificateFiles| {
        for (path, target) in [
            (&replaced.files.chain, &to.chain),
            (&replaced.files.key, &to.key),
        ] {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink(target, path).unwrap();
        }
    };
    link(&one);
    replaced.found(2, "one.test");
    link(&two);
    replaced.found(104, "two.test");
}

#[test]
fn a_file_that_was_only_touched_is_no_news() {
    let replaced = Replaced::new();
    let content = fs::read(&replaced.files.chain).unwrap();
    fs::write(&replaced.files.chain, content).unwrap();
    replaced.nothing_new(2);
}

#[test]
fn optional_files_are_taken_when_they_appear() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new("CA");
    let fallback = files(folder.path(), "fallback");
    write(&fallback, &authority.server(&["fallback.test"]));
    let ordered = CertificateFiles {
        optional: true,
        ..files(folder.path(), "ordered")
    };
    let set = Certificates::load(&[ordered.clone(), fallback]).unwrap();
    let start = Instant::now();
    let look = |seconds| set.refresh_at(start + Duration::from_secs(seconds));
    assert!(look(0).unwrap().is_none() && look(60).unwrap().is_none());
    assert_eq!(set.first().names(), ["fallback.test"]);

    let fresh = authority.server(&["ordered.test"]);
    fs::write(&ordered.key, &fresh.key).unwrap();
    assert!(look(61).unwrap().is_none());
    fs::write(&ordered.chain, &fresh.chain).unwrap();
    assert_eq!(look(63).unwrap().unwrap().len(), 1);
    assert_eq!(
        set.first().names(),
        ["ordered.test"],
        "its place is that of its files"
    );
    assert_eq!(set.all().len(), 2);

    fs::remove_file(&ordered.chain).unwrap();
    fs::remove_file(&ordered.key).unwrap();
    assert!(look(65).unwrap().is_none() && look(165).unwrap().is_none());
    assert_eq!(set.first().names(), ["ordered.test"]);
}

#[test]
fn optional_files_that_are_broken_do_not_hinder_the_start() {
    let folder = TempDir::new().unwrap();
    let authority = Authority::new("CA");
    let good = files(folder.path(), "good");
    write(&good, &authority.server(&["good.test"]));
    let broken = CertificateFiles {
        optional: true,
        ..files(folder.path(), "broken")
    };
    fs::write(&broken.chain, "half").unwrap();
    fs::write(&broken.key, "half").unwrap();
    assert_eq!(
        Certificates::load(std::slice::from_ref(&broken))
            .unwrap_err()
            .len(),
        1
    );
    let set = Certificates::load(&[broken, good]).unwrap();
    assert_eq!(set.all().len(), 1);
    let now = Instant::now();
    assert!(set.refresh_at(now).unwrap().is_none());
    set.refresh_at(now + Duration::from_secs(11)).unwrap_err();
}

#[test]
fn a_handshake_after_the_change_shows_the_new_certificate() {
    let replaced = Replaced::new();
    let set = Arc::new(Certificates::load(std::slice::from_ref(&replaced.files)).unwrap());
    let offer = Arc::new(offer(&set, None));
    let shown = || {
        let client = trusting(&replaced.authority, &TLS13).with_no_client_auth();
        shake(client, Arc::clone(&offer), "old.test").map(|_| ())
    };
    shown().unwrap();
    write(&replaced.files, &replaced.authority.server(&["new.test"]));
    shown().unwrap();
    set.refresh().unwrap().unwrap();
    let refused = shown().unwrap_err().client;
    assert!(
        matches!(refused, Some(rustls::Error::InvalidCertificate(_))),
        "{refused:?}"
    );
}
