//! Uploads that do not come to their end: nothing is published, nothing is lost.

use wharf_tests::disk::SmallDisk;
use wharf_tests::sftp::{Reply, Sftp, body, kind, open_flag, status};
use wharf_tests::ssh::Ssh;
use wharf_tests::{Wharf, assert_bytes, pattern, tree};

use super::start;

#[test]
fn a_cut_connection_publishes_nothing_and_the_upload_can_be_resumed() {
    let (wharf, mut sftp) = start();
    let content = pattern(1, 600_000);
    let handle = sftp.open_file("f", open_flag::NEW);
    sftp.write(&handle, 0, &content[..200_000])
        .expect(status::OK);
    sftp.cut();
    let mut sftp = Sftp::open(&Ssh::of(&wharf));
    wharf.wait_event("closed", |_| true);
    assert_eq!(sftp.stat("f").attributes().size, Some(200_000));
    assert!(!wharf.path("f").exists(), "the half file is published");
    let handle = sftp.open_file("f", open_flag::WRITE);
    sftp.write(&handle, 200_000, &content[200_000..400_000])
        .expect(status::OK);
    sftp.write(&handle, 400_000, &content[400_000..])
        .expect(status::OK);
    sftp.close(&handle).expect(status::OK);
    assert_bytes("f", &content, &wharf.read("f"));
    assert_eq!(
        tree::names(wharf.root()),
        [b"f".to_vec()],
        "nothing else is left"
    );
}

#[test]
fn a_cut_connection_leaves_the_old_file() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "old");
    let handle = sftp.open_file("f", open_flag::NEW);
    sftp.write(&handle, 0, &pattern(1, 100_000))
        .expect(status::OK);
    sftp.cut();
    wharf.wait_event("closed", |_| true);
    assert_eq!(wharf.read("f"), b"old");
}

/// A client that ends its side without closing its files has not said that they are whole.
#[test]
fn an_end_of_the_channel_publishes_nothing() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "old");
    let handle = sftp.open_file("f", open_flag::NEW);
    sftp.write(&handle, 0, b"new").expect(status::OK);
    sftp.finish();
    sftp.expect_end();
    assert_eq!(wharf.read("f"), b"old");
}

/// What was asked for before the end of the input is still done.
#[test]
fn a_close_right_before_the_end_counts() {
    let (wharf, mut sftp) = start();
    let handle = sftp.open_file("f", open_flag::NEW);
    sftp.request(kind::WRITE, &body().string(&handle).u64(0).string("new"));
    sftp.request(kind::CLOSE, &body().string(&handle));
    sftp.finish();
    sftp.expect_end();
    assert_eq!(wharf.read("f"), b"new");
}

/// On a disk of 4 MiB: the write that does not fit fails with the reason, and so does the close.
#[test]
fn a_failed_write_fails_the_close() {
    let disk = SmallDisk::mount("4m");
    let wharf = Wharf::with()
        .sftp()
        .root(disk.folder())
        .settings("[uploads]\ndurability = \"none\"\n")
        .start();
    wharf.write("f", "old");
    let mut sftp = Sftp::open(&Ssh::of(&wharf));
    let handle = sftp.open_file("f", open_flag::NEW);
    let block = vec![b'x'; 200_000];
    let mut refused = None;
    for number in 0..100 {
        match sftp.write(&handle, number * 200_000, &block) {
            Reply::Status(status::OK, _) => {}
            other => {
                refused = Some(other);
                break;
            }
        }
    }
    let refused = refused.expect("4 MiB do not hold 20 MB");
    refused.expect_cause(status::FAILURE, "T-6");
    // A later one that would fit makes nothing whole, whether it is taken or not.
    let _ = sftp.write(&handle, 0, b"fits");
    let reply = sftp.close(&handle);
    assert!(
        matches!(reply, Reply::Status(status::FAILURE, _)),
        "{reply:?}"
    );
    assert_eq!(wharf.read("f"), b"old");
    sftp.stat("/").attributes();
    drop((sftp, wharf));
}
