use super::{House, name};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// The promise is two seconds; on a machine that runs other tests the poll may come late.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_change_through_the_same_handle_is_told_at_once() {
    let house = House::new().await;
    let mut watch = house.accounts.watch();
    let before = *watch.borrow_and_update();
    let ann = house.add("ann", None).await;
    assert!(
        watch.has_changed().unwrap(),
        "told before the change returns"
    );
    assert_eq!(*watch.borrow_and_update(), before + 1);
    house.accounts.disable(&ann.name).await.unwrap();
    assert_eq!(*watch.borrow_and_update(), before + 2);
    let told = house.accounts.current(ann.id).await.unwrap().unwrap();
    assert!(!told.enabled && told.revision == i64::try_from(before).unwrap() + 2);
}

#[tokio::test]
async fn a_change_by_another_process_is_told_to_all() {
    let house = House::new().await;
    let ann = house.add("ann", None).await;
    let mut watches = [house.accounts.watch(), house.accounts.clone().watch()];
    for watch in &mut watches {
        watch.mark_unchanged();
    }
    house.neighbour().await.disable(&name("ann")).await.unwrap();
    for watch in &mut watches {
        next(watch).await;
    }
    assert!(
        !house
            .accounts
            .current(ann.id)
            .await
            .unwrap()
            .unwrap()
            .enabled
    );
    house.neighbour().await.remove(&name("ann")).await.unwrap();
    for watch in &mut watches {
        next(watch).await;
    }
    assert_eq!(house.accounts.current(ann.id).await.unwrap(), None);
}

#[tokio::test]
async fn who_watches_again_is_told_again() {
    let house = House::new().await;
    drop(house.accounts.watch());
    // The task that asks the database ends when it sees that nobody watches.
    let closed = async {
        while house.accounts.0.revision.is_polled() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, closed).await.unwrap();
    let mut watch = house.accounts.watch();
    house
        .neighbour()
        .await
        .add(crate::NewAccount::new(name("ann")))
        .await
        .unwrap();
    next(&mut watch).await;
}

#[tokio::test]
async fn watching_does_not_keep_the_database_open() {
    let house = House::new().await;
    let mut watch = house.accounts.watch();
    let House { folder, accounts } = house;
    drop(accounts);
    let ended = async { while watch.changed().await.is_ok() {} };
    timeout(PATIENCE, ended).await.unwrap();
    drop(folder);
}

pub(super) async fn next(watch: &mut watch::Receiver<u64>) {
    timeout(PATIENCE, watch.changed())
        .await
        .expect("told in time")
        .unwrap();
}
