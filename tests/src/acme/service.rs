//! What is answered to each request, and accounts (RFC 8555 7.1 to 7.3).

use std::sync::Arc;

use serde_json::{Value, json};

use super::http::{Request, Response};
use super::jose::{Signed, Signer};
use super::objects::{Account, Outcome, problem};
use super::orders::{challenge, finalize, look_at_order, new_order, own_authorization, own_order};
use super::{Renewal, Shared, World};

pub(super) fn answer(request: &Request, shared: &Arc<Shared>) -> Response {
    let mut world = shared.lock();
    let mut response = match world.knobs.instead {
        Some((status, size)) => page(status, "text/html", &"<br>".repeat(size / 4)),
        None => route(request, shared, &mut world).unwrap_or_else(Refusal::response),
    };
    // RFC 8555 6.5: every answer to a POST has a fresh one, refusals too.
    if request.method != "GET" && world.knobs.instead.is_none() {
        let nonce = world.objects.nonce();
        response.headers.push(("Replay-Nonce", nonce));
    }
    drop(world);
    shared.changed.notify_all();
    response
}

/// Why a request is not granted.
pub(super) struct Refusal {
    status: u16,
    kind: &'static str,
    detail: String,
    pub(super) retry_after: Option<u64>,
}

pub(super) fn refusal(status: u16, kind: &'static str, detail: impl Into<String>) -> Refusal {
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

pub(super) type Answer = Result<Response, Refusal>;

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
pub(super) fn violation(world: &mut World, what: &str) -> Refusal {
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

pub(super) fn json_page(status: u16, body: &Value) -> Response {
    page(status, "application/json", &body.to_string())
}

pub(super) fn page(status: u16, kind: &str, body: &str) -> Response {
    Response {
        status,
        headers: vec![("Content-Type", kind.to_owned())],
        body: body.as_bytes().to_vec(),
    }
}
