//! Every way to a file, with each single permission taken away (security F16).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;
use wharf_accounts::{Account, Accounts, Options, Permissions};
use wharf_net::advertise::Advertised;
use wharf_net::limits::{Gate, Limits};
use wharf_net::passive::PassivePorts;

use wharf_vfs::Replace;

use super::*;
use crate::config::{LimitsConfig, PassiveConfig, TimeoutsConfig};
use crate::shared::Current;

/// What a session can be asked, and each permission without which alone it is refused.
const ACCESSES: &[(&str, &[Permission])] = &[
    ("list", &[Permission::List]),
    ("stat", &[]),
    ("read", &[Permission::Read]),
    ("create", &[Permission::Create]),
    ("overwrite", &[Permission::Overwrite]),
    ("resume", &[Permission::Overwrite]),
    ("append", &[Permission::Append]),
    ("append-new", &[Permission::Create]),
    ("unique", &[Permission::Create]),
    ("delete", &[Permission::Delete]),
    ("mkdir", &[Permission::Mkdir]),
    ("rmdir", &[Permission::Rmdir]),
    ("may-rename", &[Permission::Rename]),
    ("rename", &[Permission::Rename]),
    ("rename-over", &[Permission::Rename, Permission::Overwrite]),
    ("attributes", &[Permission::Attributes]),
    ("symlink", &[Permission::Link]),
    ("read-link", &[]),
];

#[tokio::test]
async fn f16_each_access_is_refused_without_its_permission_and_only_then() {
    for taken in Permission::ALL {
        let held: Vec<_> = Permission::ALL
            .into_iter()
            .filter(|one| *one != taken)
            .collect();
        let house = House::new().await;
        let session = house.session(PermissionSet::of(&held)).await;
        for (access, needs) in ACCESSES {
            house.tidy_up();
            let refused = is_forbidden(attempt(&session, access).await);
            assert_eq!(
                refused,
                needs.contains(&taken),
                "{access} without {}",
                taken.word()
            );
        }
    }
}

#[tokio::test]
async fn f16_nothing_is_possible_without_any_permission() {
    let house = House::new().await;
    let session = house.session(PermissionSet::NONE).await;
    for (access, _) in ACCESSES {
        assert!(is_forbidden(attempt(&session, access).await), "{access}");
    }
    assert!(is_forbidden(session.enter(&path("/sub")).await));
    assert!(is_forbidden(session.space(&path("/")).await.map(|_| ())));
}

#[tokio::test]
async fn a_revoked_session_can_do_nothing_more() {
    let house = House::new().await;
    let session = house.session(PermissionSet::FULL).await;
    session.handle.revoke();
    for (access, _) in ACCESSES {
        let failure = attempt(&session, access).await.expect_err(access);
        assert_eq!(failure.kind, Kind::ServiceClosing, "{access}");
    }
}

async fn attempt(session: &Session, access: &str) -> Result<(), Failure> {
    let old = path("/old");
    let new = path("/new");
    match access {
        "list" => session.list(&path("/")).await.map(|_| ()),
        "stat" => session.stat(&old).await.map(|_| ()),
        "read" => session.read(&old).await.map(|_| ()),
        "create" => write(session, &new, Writing::Whole).await,
        "overwrite" => write(session, &old, Writing::Whole).await,
        "resume" => write(session, &old, Writing::From(2)).await,
        "append" => write(session, &old, Writing::Append).await,
        "append-new" => write(session, &new, Writing::Append).await,
        "unique" => write(session, &new, Writing::New).await,
        "delete" => session.remove_file(&old).await,
        "mkdir" => session.make_directory(&new, 0o022).await,
        "rmdir" => session.remove_directory(&path("/sub")).await,
        "may-rename" => session.may_rename(&old).await,
        "rename" => session.rename(&old, &new, Replace::Yes).await,
        "rename-over" => session.rename(&old, &path("/other"), Replace::Yes).await,
        "attributes" => {
            session
                .set_attributes(&old, Attributes::default(), Follow::Yes)
                .await
        }
        "symlink" => session.make_symlink(b"old", &new).await,
        "read-link" => session.read_link(&path("/link")).await.map(|_| ()),
        _ => unreachable!("an access without an attempt: {access}"),
    }
}

async fn write(session: &Session, at: &VPath, writing: Writing) -> Result<(), Failure> {
    let staged = session.write(at, writing, None, 0o022).await?;
    Ok(Store::discard(staged).await?)
}

fn is_forbidden(result: Result<(), Failure>) -> bool {
    match result {
        Ok(()) => false,
        Err(failure) => {
            assert_eq!(failure.kind, Kind::Forbidden, "{failure:?}");
            true
        }
    }
}

fn path(text: &str) -> VPath {
    VPath::parse(text.as_bytes()).expect("a path")
}

/// A served folder and the server's shared parts.
struct House {
    folder: TempDir,
    shared: Arc<Shared>,
}

impl House {
    async fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let root = folder.path().join("root");
        std::fs::create_dir(&root).expect("a root");
        let accounts = Accounts::open(&folder.path().join("wharf.db"), Options::default())
            .await
            .expect("accounts");
        let current = Current {
            tls: None,
            ssh: None,
            config: Arc::new(config(root)),
            ports: PassivePorts::new(0..=0),
            advertised: Arc::new(Advertised::new(Vec::new(), None).expect("addresses")),
        };
        let gate = Gate::new(Limits {
            total: 10,
            per_address: 10,
        });
        let shared = Arc::new(Shared::new(current, accounts, gate, None));
        Self { folder, shared }
    }

    async fn session(&self, held: PermissionSet) -> Session {
        self.tidy_up();
        let peer: SocketAddr = "127.0.0.1:4000".parse().expect("an address");
        let guard = self.shared.registry.enter(peer);
        let account = Account {
            id: 1,
            permissions: Permissions::everywhere(held),
            ..Account::anonymous(self.folder.path().join("root"))
        };
        let config = self.shared.current().config;
        Session::open(&self.shared, &config, &guard.handle, account)
            .await
            .expect("a session")
    }

    /// The same few files before every attempt.
    fn tidy_up(&self) {
        let root = self.folder.path().join("root");
        for name in ["new", "old", "other", "link", "sub"] {
            let _ = std::fs::remove_file(root.join(name));
            let _ = std::fs::remove_dir(root.join(name));
        }
        std::fs::write(root.join("old"), b"old file").expect("a file");
        std::fs::write(root.join("other"), b"other file").expect("a file");
        std::fs::create_dir(root.join("sub")).expect("a folder");
        std::os::unix::fs::symlink("old", root.join("link")).expect("a link");
    }
}

fn config(root: PathBuf) -> Config {
    Config {
        listeners: Vec::new(),
        root,
        private: None,
        anonymous: None,
        passive: PassiveConfig::default(),
        tls: None,
        ssh: None,
        limits: LimitsConfig::default(),
        timeouts: TimeoutsConfig::default(),
        durability: Durability::None,
        banner: "ready".into(),
        audit: None,
        umask: 0o022,
    }
}
