use super::{Kdf, KdfCost, StoredPassword, Verdict};
use crate::error::Error;
use secrecy::SecretSlice;

#[tokio::test]
async fn a_hash_is_argon2id_in_phc_form_and_salted() {
    let kdf = Kdf::new(KdfCost::MINIMUM, 1, 1).unwrap();
    let (one, other) = (
        kdf.hash(&secret("x")).await.unwrap(),
        kdf.hash(&secret("x")).await.unwrap(),
    );
    assert!(
        one.as_str().starts_with("$argon2id$v=19$m=8,t=1,p=1$"),
        "{}",
        one.as_str()
    );
    assert_ne!(one.as_str(), other.as_str());
    for stored in [one, other] {
        assert!(matches!(
            verify(&kdf, "x", &stored).await,
            Some(Verdict::Right { stronger: None })
        ));
        assert!(matches!(
            verify(&kdf, "y", &stored).await,
            Some(Verdict::Wrong)
        ));
    }
}

#[tokio::test]
async fn the_default_cost_is_owasps() {
    let kdf = Kdf::new(KdfCost::default(), 1, 1).unwrap();
    assert!(
        kdf.hash(&secret("x"))
            .await
            .unwrap()
            .as_str()
            .contains("$m=19456,t=2,p=1$")
    );
}

#[tokio::test]
async fn another_cost_gives_a_new_hash() {
    let old = Kdf::new(KdfCost::MINIMUM, 1, 1)
        .unwrap()
        .hash(&secret("x"))
        .await
        .unwrap();
    let kdf = Kdf::new(
        KdfCost {
            memory_kib: 16,
            ..KdfCost::MINIMUM
        },
        1,
        1,
    )
    .unwrap();
    assert!(matches!(
        verify(&kdf, "y", &old).await,
        Some(Verdict::Wrong)
    ));
    let Some(Verdict::Right {
        stronger: Some(stronger),
    }) = verify(&kdf, "x", &old).await
    else {
        panic!("no new hash");
    };
    assert!(stronger.as_str().contains("$m=16,t=1,p=1$"));
    assert!(matches!(
        verify(&kdf, "x", &stronger).await,
        Some(Verdict::Right { stronger: None })
    ));
}

#[tokio::test]
async fn f26_a_damaged_hash_matches_nothing_and_costs_nothing() {
    let kdf = Kdf::new(KdfCost::MINIMUM, 1, 1).unwrap();
    let good = kdf.hash(&secret("x")).await.unwrap();
    for damaged in [
        "x".to_owned(),
        "$argon2id$v=19$m=8,t=1,p=1".to_owned(),
        good.as_str().replace("argon2id", "argon2d"),
        good.as_str().replace("v=19", "v=16"),
        good.as_str().replace("m=8", "m=4294967295"),
        good.as_str().replace("m=8", "m=1048577"),
        good.as_str().replace("t=1", "t=65"),
        good.as_str().replace("p=1", "p=0"),
        good.as_str()[..good.as_str().len() - 4].to_owned(),
        good.as_str().rsplit_once('$').unwrap().0.to_owned(),
    ] {
        let stored = StoredPassword(damaged.clone());
        assert!(verify(&kdf, "x", &stored).await.is_none(), "{damaged}");
    }
    assert_eq!(kdf.runs(), 0);
    assert!(StoredPassword::from_record(Some(String::new())).is_none());
}

#[test]
fn a_cost_out_of_bounds_is_refused() {
    for cost in [
        KdfCost {
            memory_kib: 7,
            ..KdfCost::MINIMUM
        },
        KdfCost {
            memory_kib: (1 << 20) + 1,
            ..KdfCost::MINIMUM
        },
        KdfCost {
            passes: 0,
            ..KdfCost::MINIMUM
        },
        KdfCost {
            lanes: 2,
            ..KdfCost::MINIMUM
        },
    ] {
        assert!(
            matches!(Kdf::new(cost, 1, 1), Err(Error::KdfCost { .. })),
            "{cost:?}"
        );
    }
}

#[tokio::test]
async fn a4_a_turn_given_up_while_waiting_makes_room_again() {
    let kdf = Kdf::new(KdfCost::MINIMUM, 1, 1).unwrap();
    let busy = kdf.occupy().await;
    let mut waiting = Box::pin(kdf.turn());
    assert!(poll_once(&mut waiting).await.is_none());
    assert!(matches!(kdf.turn().await, Err(Error::Busy)));
    drop(waiting);
    let mut waiting = Box::pin(kdf.turn());
    assert!(poll_once(&mut waiting).await.is_none());
    drop(busy);
    assert!(waiting.await.is_ok());
}

async fn verify(kdf: &Kdf, password: &str, stored: &StoredPassword) -> Option<Verdict> {
    let turn = kdf.turn().await.unwrap();
    let verified = kdf.verify(turn, &secret(password), Some(stored)).await;
    verified.unwrap().0
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

fn secret(text: &str) -> SecretSlice<u8> {
    text.as_bytes().to_vec().into()
}
