//! What rows of this slice keep sealed: the URL and the secrets of an endpoint, each bound to its place.

use aegis_core::crypto::aead::SealingKey;
use aegis_core::entropy::Entropy;
use aegis_core::id::WebhookId;
use aegis_core::secret::Secret;
use aegis_store::{Cause, Fault};

use super::delivery::{Endpoint, SecretRow};
use super::signature::{SECRET_BYTES, SigningSecret};

/// Seals an endpoint's URL.
pub(super) fn seal_url(
    kek: &SealingKey,
    entropy: &mut Entropy,
    id: WebhookId,
    url: &str,
) -> Result<Vec<u8>, Fault> {
    kek.seal(url.as_bytes(), &place_of_url(id), entropy)
        .map_err(|error| Fault::Internal { what: "seal a webhook's URL", cause: Cause::new(error) })
}

/// Opens an endpoint's URL.
pub(super) fn open_url(kek: &SealingKey, endpoint: &Endpoint) -> Result<String, Fault> {
    let broken = |cause| Fault::Internal { what: "open a webhook's URL", cause };
    let opened = kek.open(&endpoint.sealed_url, &place_of_url(endpoint.id));
    let opened = opened.map_err(|error| broken(Cause::new(error)))?;
    String::from_utf8(opened.expose().clone()).map_err(|_| broken(Cause::text("it is no text")))
}

/// Makes the secret number `version` of an endpoint.
pub(super) fn new_secret(
    kek: &SealingKey,
    entropy: &mut Entropy,
    id: WebhookId,
    version: u32,
) -> Result<(SigningSecret, SecretRow), Fault> {
    let (secret, bytes): (_, Secret<[u8; SECRET_BYTES]>) = SigningSecret::generate(entropy);
    let sealed = kek
        .seal(bytes.expose(), &place_of_secret(id, version), entropy)
        .map_err(|error| Fault::Internal { what: "seal a webhook's secret", cause: Cause::new(error) })?;
    let row = SecretRow { version, sealed, public_key: secret.public_key(), expires_at: None };
    Ok((secret, row))
}

/// Opens a secret of an endpoint.
pub(super) fn open_secret(kek: &SealingKey, id: WebhookId, row: &SecretRow) -> Result<SigningSecret, Fault> {
    let broken = |cause| Fault::Internal { what: "open a webhook's secret", cause };
    let opened = kek.open(&row.sealed, &place_of_secret(id, row.version));
    let opened = opened.map_err(|error| broken(Cause::new(error)))?;
    SigningSecret::from_bytes(opened.expose()).ok_or_else(|| broken(Cause::text("it has another length")))
}

fn place_of_url(id: WebhookId) -> Vec<u8> {
    format!("webhook_endpoint/sealed_url/{id}").into_bytes()
}

fn place_of_secret(id: WebhookId, version: u32) -> Vec<u8> {
    format!("webhook_secret/sealed/{id}/{version}").into_bytes()
}
