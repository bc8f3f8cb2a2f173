//! Who calls an endpoint: credentials in, a kernel [`Call`] out.

use std::marker::PhantomData;
use std::net::IpAddr;

use aegis_core::crypto::digest::Digest;
use aegis_core::limits::IDEMPOTENCY_KEY_MAX;
use aegis_kernel::caller::{Intent, Party};
use aegis_kernel::credential::Presented;
use aegis_kernel::{Access, Call, Caller, Kernel};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::arrival::ClientAddress;
use super::problem::{Problem, ProblemCode, Violation};

/// The header that carries an API key.
pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The header that names a client's intent.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// An authenticated caller who may run `O`. The check happens before the body is read.
#[derive(Debug, Clone)]
pub struct Authenticated<O> {
    /// Who.
    pub caller: Caller,
    address: IpAddr,
    idempotency_key: Option<String>,
    method: Method,
    path: String,
    operation: PhantomData<fn() -> O>,
}

impl<O> Authenticated<O> {
    /// The call of a request without a body that matters.
    pub fn call(self) -> Call {
        self.with_body(Digest::ZERO)
    }

    /// The call of a request with this canonical body.
    pub fn with_body(self, body: Digest) -> Call {
        let intent = self.idempotency_key.map(|key| Intent {
            key,
            fingerprint: Digest::of(&[
                self.method.as_str().as_bytes(),
                b"\n",
                self.path.as_bytes(),
                b"\n",
                body.as_bytes(),
            ]),
        });
        Call { caller: self.caller, intent, address: self.address }
    }
}

impl<S, O> FromRequestParts<S> for Authenticated<O>
where
    S: Send + Sync,
    O: Access,
    Kernel: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let kernel = Kernel::from_ref(state);
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, state).await?;
        let caller = if O::PERMISSION.admits_anyone {
            Caller::anonymous()
        } else {
            let presented = presented(&parts.headers)?;
            kernel.authenticate(presented, O::PERMISSION, address).await?
        };
        Ok(Authenticated {
            address,
            // Strangers share no intents: two of them may well choose the same name.
            idempotency_key: match caller.party {
                Party::Anonymous => None,
                Party::Instance | Party::Organization(_) => idempotency_key(&parts.headers)?,
            },
            caller,
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            operation: PhantomData,
        })
    }
}

/// The one credential of a request.
fn presented(headers: &HeaderMap) -> Result<Presented, Problem> {
    let key = single(headers, &API_KEY)?;
    let bearer = single(headers, &header::AUTHORIZATION)?
        .map(|value| {
            value
                .split_once(' ')
                .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
                .map(|(_, token)| token.trim())
                .ok_or_else(|| {
                    unauthorized("The Authorization header must be `Bearer` and a token or API key.")
                })
        })
        .transpose()?;
    match (key, bearer) {
        (Some(key), Some(bearer)) if key != bearer => Err(ambiguous()),
        (Some(key), _) => Ok(Presented::ApiKey(key.to_owned())),
        (None, Some(bearer)) => Ok(Presented::Bearer(bearer.to_owned())),
        (None, None) => Err(Problem::unauthorized()),
    }
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).into_iter();
    let Some(first) = values.next() else { return Ok(None) };
    if values.any(|other| other != first) {
        return Err(ambiguous());
    }
    first
        .to_str()
        .map(|text| Some(text.trim()))
        .map_err(|_| unauthorized("The credential is not printable ASCII."))
}

fn ambiguous() -> Problem {
    Problem::new(
        ProblemCode::AmbiguousCredentials,
        "The request carries two different credentials; send one, as X-API-Key or as Authorization: Bearer.",
    )
}

/// 401 that says what was wrong with the credential.
pub(super) fn unauthorized(why: &str) -> Problem {
    Problem::new(ProblemCode::Unauthorized, why)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"aegis\""))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(&IDEMPOTENCY_KEY).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let visible =
        (1..=IDEMPOTENCY_KEY_MAX).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic());
    if values.next().is_some() || !visible {
        let message = "The Idempotency-Key header must be given once: 1 to 255 visible ASCII characters.";
        return Err(Problem::validation(vec![Violation::new("", "idempotency-key", message)]));
    }
    Ok(Some(text.to_owned()))
}
