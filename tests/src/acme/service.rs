//! What is answered to each request (RFC 8555 7).

use std::sync::Arc;

use serde_json::{Value, json};

use super::http::{Request, Response};
use super::issuer::{Requested, random};
use super::jose::{Signed, Signer, decode, encode, text};
use super::objects::{Account, Authorization, Checked, Order, Outcome, problem};
use super::{Asked, Issued, Renewal, Shared, World, validation};

pub(super) fn answer(request: &Request, shared: &Arc<Shared>) -> Response {
    let mut world = shared.lock();
    let mut response = if world.knobs.down {
        page(503, "text/html", "<h1>Back soon</h1>")
    } else {
        route(request, shared, &mut world).unwrap_or_else(|refusal| refusal.response())
    };
    // RFC 8555 6.5: every answer to a POST has a fresh one, refusals too.
    if request.method != "GET" && !world.knobs.down {
        let nonce = world.objects.nonce();
        response.headers.push(("Replay-Nonce", nonce));
    }
    drop(world);
    shared.changed.notify_all();
    response
}

/// Why a request is not granted.
struct Refusal {
    status: u16,
    kind: &'static str,
    detail: String,
    retry_after: Option<u64>,
}

fn refusal(status: u16, kind: &'static str, detail: impl Into<String>) -> Refusal {
    Refusal {
        status,
        kind,
        detail: detail.into(),
        retry_after: None,
    }
}

impl Refusal {
    fn response(self) -> Response {
        let body = problem(self.kind, &self.detail, self.status).to_string();
        let mut response = page(self.status, "application/problem+json", &body);
        if let Some(seconds) = self.retry_after {
            response.headers.push(("Retry-After", seconds.to_string()));
        }
        response
    }
}

type Answer = Result<Response, Refusal>;

fn route(request: &Request, shared: &Arc<Shared>, world: &mut World) -> Answer {
    let parts: Vec<_> = request.path.trim_start_matches('/').split('/').collect();
    if request.header("user-agent").is_none_or(str::is_empty) {
        return Err(violation(world, "a request without User-Agent (6.1)"));
    }
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["directory"]) => Ok(directory(shared, world)),
        ("HEAD" | "GET", ["nonce"]) => Ok(page(200, "text/plain", "")),
        ("GET", ["renewal", _]) if world.knobs.renewal.is_some() => Ok(renewal(world)),
        ("POST", parts) => post(request, parts, shared, world),
        _ => Err(refusal(404, "malformed", "there is no such thing")),
    }
}

/// What a good client does not do: remembered for the test, refused for the client.
fn violation(world: &mut World, what: &str) -> Refusal {
    world.seen.violations.push(what.to_owned());
    refusal(400, "malformed", what)
}

fn directory(shared: &Shared, world: &World) -> Response {
    let mut directory = json!({
        "newNonce": shared.url("nonce"),
        "newAccount": shared.url("account"),
        "newOrder": shared.url("order"),
        "revokeCert": shared.url("revoke"),
        "keyChange": shared.url("key"),
        "meta": {"termsOfService": shared.url("terms")},
    });
    if world.knobs.renewal.is_some() {
        directory["renewalInfo"] = json!(shared.url("renewal"));
    }
    json_page(200, &directory)
}

/// RFC 9773 4.2.
fn renewal(world: &mut World) -> Response {
    world.seen.renewals_asked += 1;
    let (start, end) = match world.knobs.renewal {
        Some(Renewal::Now) => ("2000-01-01T00:00:00Z", "2000-01-02T00:00:00Z"),
        Some(Renewal::Later) | None => ("2100-01-01T00:00:00Z", "2100-01-02T00:00:00Z"),
    };
    let mut response = json_page(
        200,
        &json!({"suggestedWindow": {"start": start, "end": end}}),
    );
    response.headers.push(("Retry-After", "21600".to_owned()));
    response
}

fn post(request: &Request, parts: &[&str], shared: &Arc<Shared>, world: &mut World) -> Answer {
    if request.header("content-type") != Some("application/jose+json") {
        return Err(violation(
            world,
            "a POST that is no application/jose+json (6.2)",
        ));
    }
    let signed = Signed::parse(&request.body).map_err(|what| violation(world, &what))?;
    if signed.url != shared.url(&parts.join("/")) {
        return Err(violation(world, "a signature for another URL (6.4)"));
    }
    let known = world.objects.nonces.remove(&signed.nonce);
    if !known || world.knobs.bad_nonces > 0 {
        world.knobs.bad_nonces = world.knobs.bad_nonces.saturating_sub(1);
        world.seen.bad_nonces += 1;
        return Err(refusal(
            400,
            "badNonce",
            "the nonce was used or never given",
        ));
    }
    if let (["account"], Signer::Key(key)) = (parts, &signed.signer) {
        if !signed.is_by(key) {
            return Err(violation(world, "a signature that is none"));
        }
        return new_account(&signed, shared, world);
    }
    let account = account(&signed, shared, world)?;
    match *parts {
        ["account", _] => update_account(&signed, account, world),
        ["order"] => new_order(&signed, account, shared, world),
        ["order", order] => {
            let order = own_order(order, account, world)?;
            Ok(look_at_order(order, shared, world))
        }
        ["authorization", order, index] => {
            let (order, index) = own_authorization(order, index, account, world)?;
            let authorization = &world.objects.orders[order].authorizations[index];
            Ok(json_page(200, &authorization.json(order, index, shared)))
        }
        ["challenge", order, index, kind] => {
            let (order, index) = own_authorization(order, index, account, world)?;
            challenge(&signed, (order, index), kind, shared, world)
        }
        ["finalize", order] => {
            let order = own_order(order, account, world)?;
            finalize(&signed, order, shared, world)
        }
        ["certificate", order] => {
            let order = own_order(order, account, world)?;
            match &world.objects.orders[order].outcome {
                Some(Outcome::Certificate(chain)) => {
                    Ok(page(200, "application/pem-certificate-chain", chain))
                }
                _ => Err(refusal(404, "malformed", "there is no certificate")),
            }
        }
        _ => Err(refusal(404, "malformed", "there is no such thing")),
    }
}

fn account(signed: &Signed, shared: &Shared, world: &mut World) -> Result<usize, Refusal> {
    let Signer::Account(url) = &signed.signer else {
        return Err(violation(world, "a key where an account is due (6.2)"));
    };
    let prefix = shared.url("account/");
    let number = url
        .strip_prefix(&prefix)
        .and_then(|number| number.parse().ok());
    let found =
        number.and_then(|number: usize| Some((number, world.objects.accounts.get(number)?)));
    let Some((number, account)) = found else {
        return Err(refusal(
            400,
            "accountDoesNotExist",
            "there is no such account",
        ));
    };
    if !signed.is_by(&account.key) {
        return Err(violation(
            world,
            "a signature that is none, or another account's",
        ));
    }
    if world.knobs.terms_changed {
        let detail = "the terms of service have changed";
        return Err(refusal(403, "userActionRequired", detail));
    }
    Ok(number)
}

/// RFC 8555 7.3 and 7.3.1.
fn new_account(signed: &Signed, shared: &Shared, world: &mut World) -> Answer {
    let Signer::Key(key) = &signed.signer else {
        return Err(violation(world, "a new account without its key"));
    };
    let wishes = signed.payload.clone().unwrap_or_default();
    let (number, status) = match world.objects.account_of(key) {
        Some(number) => (number, 200),
        None if wishes["onlyReturnExisting"] == json!(true) => {
            return Err(refusal(
                400,
                "accountDoesNotExist",
                "no account has this key",
            ));
        }
        None if wishes["termsOfServiceAgreed"] != json!(true) => {
            return Err(refusal(
                403,
                "userActionRequired",
                "agree to the terms of service",
            ));
        }
        None => {
            let account = Account {
                key: key.clone(),
                contact: contact(&wishes),
                proven: Default::default(),
            };
            world.seen.accounts += 1;
            world.seen.contact.clone_from(&account.contact);
            world.objects.accounts.push(account);
            (world.objects.accounts.len() - 1, 201)
        }
    };
    let body = json!({"status": "valid", "contact": world.objects.accounts[number].contact});
    let mut response = json_page(status, &body);
    let url = shared.url(&format!("account/{number}"));
    response.headers.push(("Location", url));
    Ok(response)
}

fn update_account(signed: &Signed, account: usize, world: &mut World) -> Answer {
    if let Some(wishes) = &signed.payload {
        let contact = contact(wishes);
        world.seen.contact.clone_from(&contact);
        world.objects.accounts[account].contact = contact;
    }
    let body = json!({"status": "valid", "contact": world.objects.accounts[account].contact});
    Ok(json_page(200, &body))
}

fn contact(wishes: &Value) -> Vec<String> {
    let list = wishes["contact"].as_array().cloned().unwrap_or_default();
    list.iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// RFC 8555 7.4, and RFC 9773 5.
fn new_order(signed: &Signed, account: usize, shared: &Shared, world: &mut World) -> Answer {
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

fn own_order(number: &str, account: usize, world: &World) -> Result<usize, Refusal> {
    let number = number.parse().unwrap_or(usize::MAX);
    match world.objects.orders.get(number) {
        Some(order) if order.account == account => Ok(number),
        Some(_) => Err(refusal(403, "unauthorized", "another account's order")),
        None => Err(refusal(404, "malformed", "there is no such order")),
    }
}

fn own_authorization(
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

fn look_at_order(number: usize, shared: &Shared, world: &mut World) -> Response {
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
fn challenge(
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
fn finalize(signed: &Signed, number: usize, shared: &Shared, world: &mut World) -> Answer {
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
        let (chain, der) = shared
            .issuer
            .issue(requested, world.knobs.lifetime, wrong_name);
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

fn json_page(status: u16, body: &Value) -> Response {
    page(status, "application/json", &body.to_string())
}

fn page(status: u16, kind: &str, body: &str) -> Response {
    Response {
        status,
        headers: vec![("Content-Type", kind.to_owned())],
        body: body.as_bytes().to_vec(),
    }
}
