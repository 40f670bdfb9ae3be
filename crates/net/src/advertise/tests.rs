use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn table(networks: &[(&str, &str)], public: Option<&str>) -> Result<Advertised, String> {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    Advertised::new(
        networks.iter().map(owned).collect(),
        public.map(str::to_owned),
    )
}

#[tokio::test]
async fn the_first_matching_network_then_private_then_public_then_dialled() {
    let networks = [
        ("10.1.0.0/16", "10.1.0.5"),
        ("10.0.0.0/8", "10.0.0.5"),
        ("203.0.113.7", "198.51.100.1"),
        ("2001:db8::/32", "2001:db8::5"),
    ];
    let told = table(&networks, Some("198.51.100.9")).unwrap();
    let cases = [
        ("10.1.2.3", "10.1.0.5"),
        ("::ffff:10.1.2.3", "10.1.0.5"),
        ("10.2.2.3", "10.0.0.5"),
        ("203.0.113.7", "198.51.100.1"),
        ("203.0.113.8", "198.51.100.9"),
        ("2001:db8:1::1", "2001:db8::5"),
        ("192.168.1.1", "192.0.2.1"),
        ("127.0.0.1", "192.0.2.1"),
        ("169.254.1.1", "192.0.2.1"),
        ("fe80::1", "192.0.2.1"),
        ("fd00::1", "192.0.2.1"),
    ];
    for (client, expected) in cases {
        let address = told.address_for(ip(client), ip("192.0.2.1")).await;
        assert_eq!(address, ip(expected), "client {client}");
    }
    let plain = table(&[], None).unwrap();
    let dialled = plain
        .address_for(ip("8.8.8.8"), ip("::ffff:192.0.2.1"))
        .await;
    assert_eq!(dialled, ip("192.0.2.1"));
}

#[test]
fn what_cannot_be_read_is_named() {
    for wrong in [
        "10.0.0.0/33",
        "10.0.0/8",
        "::/129",
        "x/8",
        "10.0.0.0/",
        "10.0.0.0/-1",
    ] {
        let error = table(&[(wrong, "10.0.0.1")], None).unwrap_err();
        assert!(error.contains(wrong), "{error}");
    }
    assert!(table(&[("10.0.0.0/8", "here")], None).is_err());
    for wrong in ["", "a b", "10.0.0.300", "x..y", "-", "ftp://x"] {
        let accepted = table(&[], Some(wrong)).is_ok();
        assert_eq!(accepted, wrong == "-", "{wrong}");
    }
}

struct Asked {
    times: Arc<AtomicUsize>,
    told: Advertised,
}

/// Answers 192.0.2.N to the Nth question, and fails each time `fails` says so.
fn asked(fails: fn(usize) -> bool) -> Asked {
    let times = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&times);
    let resolver = move |_host: String| -> Answer {
        let time = count.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            tokio::task::yield_now().await;
            if fails(time) {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Ok(vec![
                ip("2001:db8::9"),
                IpAddr::from([192, 0, 2, u8::try_from(time).unwrap()]),
            ])
        })
    };
    let public = Some("ftp.example.org".to_owned());
    let told = Advertised::with_resolver(Vec::new(), public, Box::new(resolver)).unwrap();
    Asked { times, told }
}

async fn settled(asked: &Asked) -> IpAddr {
    let address = asked
        .told
        .address_for(ip("8.8.8.8"), ip("198.51.100.1"))
        .await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    address
}

#[tokio::test(start_paused = true)]
async fn a_host_name_is_asked_for_again_after_five_minutes_and_nobody_waits() {
    let asked = asked(|time| time == 3);
    assert_eq!(
        settled(&asked).await,
        ip("192.0.2.1"),
        "the first waits for an answer"
    );
    tokio::time::advance(REFRESH - Duration::from_secs(1)).await;
    assert_eq!(settled(&asked).await, ip("192.0.2.1"));
    assert_eq!(asked.times.load(Ordering::SeqCst), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(
        settled(&asked).await,
        ip("192.0.2.1"),
        "the old answer, at once"
    );
    assert_eq!(settled(&asked).await, ip("192.0.2.2"));
    tokio::time::advance(REFRESH).await;
    settled(&asked).await;
    assert_eq!(asked.times.load(Ordering::SeqCst), 3);
    assert_eq!(
        settled(&asked).await,
        ip("192.0.2.2"),
        "the last good answer stays"
    );
    tokio::time::advance(REFRESH).await;
    settled(&asked).await;
    assert_eq!(settled(&asked).await, ip("192.0.2.4"));
}

#[tokio::test(start_paused = true)]
async fn a_name_that_cannot_be_resolved_leaves_the_dialled_address() {
    let asked = asked(|_| true);
    assert_eq!(settled(&asked).await, ip("198.51.100.1"));
    assert_eq!(settled(&asked).await, ip("198.51.100.1"));
    assert_eq!(
        asked.times.load(Ordering::SeqCst),
        1,
        "asked at most every five minutes"
    );
}

#[tokio::test]
async fn the_systems_resolver_knows_this_machine() {
    let told = table(&[], Some("localhost")).unwrap();
    let address = told.address_for(ip("8.8.8.8"), ip("192.0.2.1")).await;
    assert_eq!(address, ip("127.0.0.1"));
}
