//! One order, from the account to the certificate.

use std::time::Duration;

use instant_acme::{
    Account, AuthorizationHandle, AuthorizationStatus, ChallengeStatus, Identifier, NewOrder,
    Order, OrderStatus, Problem, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use secrecy::SecretString;

use crate::account;
use crate::certificate::Current;
use crate::challenge::{Proof, Responder};
use crate::config::Checked;
use crate::error::{AcmeError, detail};
use crate::folder::Folder;
use crate::manager::on_disk;
use crate::pace::Pace;
use crate::text::{chain, said};
use crate::transport::Transport;

/// Orders a certificate with a key of its own and puts both into the folder. `replaced` is the one
/// it takes the place of.
pub(crate) async fn place(
    wanted: &Checked,
    folder: &Folder,
    transport: &Transport,
    replaced: Option<&Current>,
    pace: &Pace,
) -> Result<Current, AcmeError> {
    // First of all: without the port nobody need be asked.
    let responder = Responder::bind(wanted.challenge, wanted.listen)?;
    let account = account::open(wanted, folder, transport).await?;
    let of = |error| AcmeError::of(error, &wanted.directory);
    let mut order = new_order(&account, wanted, replaced).await?;

    prove(&mut order, wanted, &responder).await?;
    if order.state().status == OrderStatus::Pending {
        let ready = order.poll_ready(&polling(pace.validation)).await;
        if let Some(error) = failed_challenge(&mut order, wanted, &responder).await? {
            return Err(error);
        }
        match ready
            .map_err(|error| slow(error, "asking about the names", pace.validation, wanted))?
        {
            OrderStatus::Ready => {}
            _ => return Err(refused("the order became invalid")),
        }
    }
    drop(responder);

    let (key, request) = key_and_request(wanted)?;
    order.finalize_csr(&request).await.map_err(of)?;
    let chain = order.poll_certificate(&polling(pace.issuance)).await;
    let chain =
        chain.map_err(|error| slow(error, "signing the certificate", pace.issuance, wanted))?;
    let (current, text) = Current::received(&chain, &key, wanted)?;
    let folder = folder.clone();
    on_disk(move || folder.save_pair(text.as_bytes(), &key)).await?;
    Ok(current)
}

async fn new_order(
    account: &Account,
    wanted: &Checked,
    replaced: Option<&Current>,
) -> Result<Order, AcmeError> {
    let names: Vec<_> = wanted.names.iter().cloned().map(Identifier::Dns).collect();
    let of = |error| AcmeError::of(error, &wanted.directory);
    if let Some(identifier) = replaced.and_then(|replaced| replaced.identifier.clone()) {
        // RFC 9773 5: a CA counts such an order as a renewal, and some have no limits for those.
        match account
            .new_order(&NewOrder::new(&names).replaces(identifier))
            .await
        {
            Ok(order) => return Ok(order),
            Err(error) => match of(error) {
                // It offers no renewal information, or knows the certificate as replaced
                // already (409): the order is as good without.
                AcmeError::NotAcme { .. } | AcmeError::Refused { .. } => {}
                error => return Err(error),
            },
        }
    }
    account.new_order(&NewOrder::new(&names)).await.map_err(of)
}

/// Publishes the answer for each name that is not proven yet, and tells the CA to ask.
async fn prove(
    order: &mut Order,
    wanted: &Checked,
    responder: &Responder,
) -> Result<(), AcmeError> {
    let of = |error| AcmeError::of(error, &wanted.directory);
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(of)?;
        match authorization.status {
            AuthorizationStatus::Valid => continue,
            AuthorizationStatus::Pending => {}
            AuthorizationStatus::Invalid
            | AuthorizationStatus::Revoked
            | AuthorizationStatus::Expired
            | AuthorizationStatus::Deactivated => {
                return Err(refused("the order came with an authorization that is over"));
            }
        }
        let name = name_of(&authorization);
        if !wanted.names.contains(&name) {
            return Err(refused(&format!(
                "it wants `{name}` to be proven, which was not ordered"
            )));
        }
        let Some(mut challenge) = authorization.challenge(wanted.challenge.kind()) else {
            return Err(AcmeError::NoChallenge {
                name: said(&name),
                challenge: wanted.challenge,
            });
        };
        let key_authorization = challenge.key_authorization();
        responder.publish(&Proof {
            name: &name,
            token: &challenge.token,
            authorization: key_authorization.as_str(),
            digest: key_authorization.digest().as_ref(),
        })?;
        match challenge.set_ready().await {
            Ok(()) => {}
            Err(instant_acme::Error::Api(problem)) => {
                return Err(refused_challenge(problem, wanted, responder, &name));
            }
            Err(error) => return Err(of(error)),
        }
    }
    Ok(())
}

/// What the CA says about a name it could not prove, if there is one. The order itself only says
/// that it is invalid.
async fn failed_challenge(
    order: &mut Order,
    wanted: &Checked,
    responder: &Responder,
) -> Result<Option<AcmeError>, AcmeError> {
    let of = |error| AcmeError::of(error, &wanted.directory);
    if order.state().status != OrderStatus::Invalid {
        return Ok(None);
    }
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.map_err(of)?;
        authorization.refresh().await.map_err(of)?;
        let failed = authorization
            .challenges
            .iter()
            .find(|challenge| challenge.status == ChallengeStatus::Invalid);
        if let Some(challenge) = failed {
            let what = challenge.error.as_ref().map(detail).unwrap_or_default();
            let name = name_of(&authorization);
            return Ok(Some(not_proven(wanted, responder, &name, &what)));
        }
    }
    Ok(None)
}

/// What is said to "ask me now": of the request, or already of the name.
fn refused_challenge(
    problem: Problem,
    wanted: &Checked,
    responder: &Responder,
    name: &str,
) -> AcmeError {
    let what = detail(&problem);
    match AcmeError::from(problem) {
        error @ (AcmeError::RateLimited { .. }
        | AcmeError::CaTrouble { .. }
        | AcmeError::Terms { .. }
        | AcmeError::AccountGone { .. }) => error,
        _ => not_proven(wanted, responder, name, &what),
    }
}

fn not_proven(wanted: &Checked, responder: &Responder, name: &str, detail: &str) -> AcmeError {
    AcmeError::Challenge {
        name: said(name),
        challenge: wanted.challenge,
        listen: responder.address(),
        detail: detail.to_owned(),
    }
}

fn name_of(authorization: &AuthorizationHandle<'_>) -> String {
    authorization.identifier().to_string().to_ascii_lowercase()
}

/// RFC 8555 7.4: the names of the order and nothing else.
fn key_and_request(wanted: &Checked) -> Result<(SecretString, Vec<u8>), AcmeError> {
    let failed = |error: rcgen::Error| AcmeError::Key(chain(&error));
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(wanted.names_listed()).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(failed)?;
    Ok((key.serialize_pem().into(), request.der().to_vec()))
}

/// From a quarter of a second on, longer each time, or as the CA says by `Retry-After`.
const fn polling(whole: Duration) -> RetryPolicy {
    RetryPolicy::new()
        .initial_delay(Duration::from_millis(250))
        .backoff(1.5)
        .timeout(whole)
}

fn slow(
    error: instant_acme::Error,
    what: &'static str,
    after: Duration,
    wanted: &Checked,
) -> AcmeError {
    match error {
        instant_acme::Error::Timeout(_) => AcmeError::Slow { what, after },
        error => AcmeError::of(error, &wanted.directory),
    }
}

fn refused(what: &str) -> AcmeError {
    AcmeError::Refused { detail: said(what) }
}
