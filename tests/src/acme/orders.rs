//! Orders, and what proves their names (RFC 8555 7.4 and 7.5).

use std::sync::Arc;

use serde_json::json;

use super::http::Response;
use super::issuer::{Requested, random};
use super::jose::{Signed, decode, encode, text};
use super::objects::{Authorization, Checked, Order, Outcome};
use super::service::{Answer, Refusal, json_page, refusal, violation};
use super::{Asked, Issued, Shared, World, validation};

/// RFC 8555 7.4, and RFC 9773 5.
pub(super) fn new_order(
    signed: &Signed,
    account: usize,
    shared: &Shared,
    world: &mut World,
) -> Answer {
    world.seen.orders += 1;
    if let Some(seconds) = world.knobs.rate_limited {
        let mut refusal = refusal(429, "rateLimited", "too many certificates for these names");
        refusal.retry_after = Some(seconds);
        return Err(refusal);
    }
    let wishes = signed.payload.clone().unwrap_or_default();
    let identifiers = wishes["identifiers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut names = Vec::new();
    for identifier in &identifiers {
        match (identifier["type"].as_str(), identifier["value"].as_str()) {
            (Some("dns"), Some(name)) => names.push(name.to_owned()),
            _ => return Err(refusal(400, "unsupportedIdentifier", "DNS names only")),
        }
    }
    names.sort();
    if names.is_empty() {
        return Err(violation(world, "an order for nothing"));
    }
    let replaces = wishes["replaces"].as_str().map(str::to_owned);
    if let Some(replaced) = &replaces {
        if world.seen.replaced.contains(replaced) {
            return Err(refusal(409, "alreadyReplaced", "it was replaced already"));
        }
        world.seen.replaced.push(replaced.clone());
    }
    let authorizations = names.iter().map(|name| Authorization {
        name: name.clone(),
        token: encode(&random()),
        kinds: world.knobs.challenges.clone(),
        chosen: None,
        known: world.objects.accounts[account].proven.contains(name),
    });
    let order = Order {
        account,
        authorizations: authorizations.collect(),
        names,
        replaces,
        outcome: None,
        processing: 0,
    };
    let number = world.objects.orders.len();
    let mut response = json_page(201, &order.json(number, shared));
    let url = shared.url(&format!("order/{number}"));
    response.headers.push(("Location", url));
    world.objects.orders.push(order);
    Ok(response)
}

pub(super) fn own_order(number: &str, account: usize, world: &World) -> Result<usize, Refusal> {
    let number = number.parse().unwrap_or(usize::MAX);
    match world.objects.orders.get(number) {
        Some(order) if order.account == account => Ok(number),
        Some(_) => Err(refusal(403, "unauthorized", "another account's order")),
        None => Err(refusal(404, "malformed", "there is no such order")),
    }
}

pub(super) fn own_authorization(
    order: &str,
    index: &str,
    account: usize,
    world: &World,
) -> Result<(usize, usize), Refusal> {
    let order = own_order(order, account, world)?;
    let index = index.parse().unwrap_or(usize::MAX);
    if index < world.objects.orders[order].authorizations.len() {
        Ok((order, index))
    } else {
        Err(refusal(404, "malformed", "there is no such authorization"))
    }
}

pub(super) fn look_at_order(number: usize, shared: &Shared, world: &mut World) -> Response {
    let order = &mut world.objects.orders[number];
    let mut response = json_page(200, &order.json(number, shared));
    if order.status() == "processing" {
        order.processing -= 1;
        world.seen.processing += 1;
        if let Some(seconds) = world.knobs.retry_after {
            response.headers.push(("Retry-After", seconds.to_string()));
        }
    }
    response
}

/// RFC 8555 7.5.1: looks at it in a thread of its own.
pub(super) fn challenge(
    signed: &Signed,
    (order, index): (usize, usize),
    kind: &str,
    shared: &Arc<Shared>,
    world: &mut World,
) -> Answer {
    let account = world.objects.orders[order].account;
    let thumbprint = world.objects.accounts[account].key.thumbprint.clone();
    let knobs = world.knobs.clone();
    let broken_dns = reached(knobs.broken_dns_after, world);
    let authorization = &mut world.objects.orders[order].authorizations[index];
    if !authorization.kinds.contains(&kind) {
        return Err(refusal(404, "malformed", "there is no such challenge"));
    }
    if let (Some(wishes), None) = (&signed.payload, &authorization.chosen) {
        if *wishes != json!({}) {
            return Err(violation(
                world,
                "an answer to a challenge that is not {} (7.5.1)",
            ));
        }
        authorization.chosen = Some((kind.to_owned(), Checked::Processing));
        let (name, token) = (authorization.name.clone(), authorization.token.clone());
        let (kind, shared) = (kind.to_owned(), Arc::clone(shared));
        std::thread::spawn(move || {
            let key = format!("{token}.{thumbprint}");
            let outcome = match kind.as_str() {
                _ if broken_dns => Err(("dns", format!("no such domain:\n\u{1b}[31m{name}"))),
                "http-01" => validation::http_01(&name, knobs.http_port, &token, &key),
                "tls-alpn-01" => validation::tls_alpn_01(&name, knobs.tls_port, &key),
                _ => Err(("malformed", "this CA does not ask that".to_owned())),
            };
            decided(&shared, (order, index), kind, name, outcome);
        });
    }
    let authorization = &world.objects.orders[order].authorizations[index];
    Ok(json_page(
        200,
        &authorization.challenge(kind, order, index, shared),
    ))
}

fn decided(
    shared: &Shared,
    (order, index): (usize, usize),
    kind: String,
    name: String,
    outcome: Result<(), validation::Refusal>,
) {
    let mut world = shared.lock();
    let reuse = world.knobs.reuse;
    let error = outcome.as_ref().err().map(|(_, detail)| detail.clone());
    let checked = match outcome {
        Ok(()) => Checked::Valid,
        Err((kind, detail)) => Checked::Invalid { kind, detail },
    };
    let objects = &mut world.objects;
    // It may have been told to forget everything meanwhile.
    if let Some(order) = objects.orders.get_mut(order) {
        if reuse && checked == Checked::Valid {
            let account = &mut objects.accounts[order.account];
            account.proven.insert(name.clone());
        }
        order.authorizations[index].chosen = Some((kind.clone(), checked));
    }
    world.seen.asked.push(Asked { name, kind, error });
    drop(world);
    shared.changed.notify_all();
}

/// RFC 8555 7.4.
pub(super) fn finalize(
    signed: &Signed,
    number: usize,
    shared: &Shared,
    world: &mut World,
) -> Answer {
    let order = &world.objects.orders[number];
    if order.status() != "ready" {
        return Err(refusal(403, "orderNotReady", "not every name is proven"));
    }
    let wishes = signed.payload.clone().unwrap_or_default();
    let requested = text(&wishes, "csr")
        .and_then(decode)
        .and_then(Requested::parse)
        .map_err(|what| refusal(400, "badCSR", what))?;
    if requested.names != order.names {
        return Err(refusal(
            400,
            "badCSR",
            "the names are not those of the order",
        ));
    }
    let public_key = requested.public_key.clone();
    if world
        .seen
        .issued
        .iter()
        .any(|issued| issued.public_key == public_key)
    {
        return Err(violation(world, "a key that another certificate has"));
    }
    let held = reached(world.knobs.held_after, world);
    let outcome = if world.knobs.invalid_orders {
        Outcome::Invalid
    } else {
        let names = requested.names.clone();
        let wrong_name = world.knobs.wrong_name.as_deref();
        let first = world.knobs.first_lifetime;
        let first = first.filter(|_| world.seen.issued.is_empty());
        let lifetime = first.unwrap_or(world.knobs.lifetime);
        let (chain, der) = shared.issuer.issue(requested, lifetime, wrong_name);
        world.seen.issued.push(Issued {
            names,
            der,
            public_key,
        });
        Outcome::Certificate(chain)
    };
    let processing = if held {
        usize::MAX
    } else {
        world.knobs.processing
    };
    let order = &mut world.objects.orders[number];
    order.outcome = Some(outcome);
    order.processing = processing;
    Ok(json_page(200, &order.json(number, shared)))
}

fn reached(issued: Option<usize>, world: &World) -> bool {
    issued.is_some_and(|count| world.seen.issued.len() >= count)
}
