//! A webhook as a receiver: a POST of JSON, signed if it is to be.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::{Content, Delivery, DeliveryError, Endpoint, Receiver};
use crate::{AlertRecord, ReportRecord};

/// What a secret is written with, after the Standard Webhooks specification.
const PREFIX: &str = "whsec_";

/// A text of which no secret can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the secret is wrong: expected `whsec_` and the base64 of 24 to 64 random bytes, as from \
     `echo whsec_$(openssl rand -base64 32)`"
)]
pub struct SigningSecretError;

/// What requests are signed with.
pub struct SigningSecret(hmac::Key);

impl SigningSecret {
    /// The secret that is written so: `whsec_`, and the base64 of 24 to 64 bytes.
    ///
    /// # Errors
    /// It is written differently.
    pub fn new(secret: &SecretString) -> Result<Self, SigningSecretError> {
        let encoded = secret.expose_secret().strip_prefix(PREFIX).ok_or(SigningSecretError)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| SigningSecretError)?;
        match (24..=64).contains(&bytes.len()) {
            true => Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes))),
            false => Err(SigningSecretError),
        }
    }

    /// The signature of a request.
    fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let signed = [format!("{id}.{seconds}.").as_bytes(), body].concat();
        format!("v1,{}", STANDARD.encode(hmac::sign(&self.0, &signed)))
    }
}

/// Posts every change of an alert, and every report, as JSON.
///
/// ```json
/// {
///   "text": "[firing] critical: Out of memory on Node a\nMemory cgroup out of memory: Killed process 31",
///   "type": "alert.firing",
///   "alert": {
///     "id": "…", "source": "kubernetes-events", "rule": "oom", "group": "Node//a", "cluster": "default", "namespace": null,
///     "level": "critical", "title": "…", "message": "…", "state": "firing", "firstSeen": "2026-11-24T01:34:02.000Z",
///     "lastSeen": "2026-11-24T01:34:02.000Z", "events": 1, "resolvedAt": null
///   }
/// }
/// ```
///
/// `type` is `alert.firing`, `alert.resolved` or `report`, which has `report` (`id`, `source`, `name`, `title`, `markdown`,
/// `data` and `createdAt`) in place of `alert`. `text` is what chats show: Slack, Mattermost and their like take the body as it is.
///
/// The headers are those of [Standard Webhooks](https://www.standardwebhooks.com): `webhook-id`, which is the same when
/// something is told again, `webhook-timestamp` and, with a secret, `webhook-signature`: `v1,` and the base64 of the
/// HMAC-SHA256 of `ID.TIMESTAMP.BODY`.
pub struct Webhook {
    endpoint: Endpoint,
    secret: Option<SigningSecret>,
}

#[derive(Serialize)]
struct Body<'a> {
    text: String,
    #[serde(rename = "type")]
    type_: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<&'a AlertRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'a ReportRecord>,
}

impl Webhook {
    /// The webhook at this URL, without a signature.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, secret: None }
    }

    /// Signs every request.
    #[must_use]
    pub fn signed(mut self, secret: SigningSecret) -> Self {
        self.secret = Some(secret);
        self
    }

    fn headers(&self, id: &str, now: Timestamp, body: &[u8]) -> HeaderMap {
        let seconds = now.as_second();
        let signature = self.secret.as_ref().map(|secret| secret.sign(id, seconds, body));
        [
            ("webhook-id", Some(id.to_owned())),
            ("webhook-timestamp", Some(seconds.to_string())),
            ("webhook-signature", signature),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::from_str(&value?).ok()?)))
        .collect()
    }
}

fn body(content: &Content) -> Body<'_> {
    match content {
        Content::Alert(alert) => {
            let AlertRecord { state, level, title, message, .. } = alert;
            let text = format!("[{state}] {level}: {title}\n{message}").trim_end().to_owned();
            Body { text, type_: format!("alert.{state}"), alert: Some(alert), report: None }
        }
        Content::Report(report) => {
            let text = format!("{}\n{}", report.title, report.markdown);
            Body { text, type_: "report".to_owned(), alert: None, report: Some(report) }
        }
    }
}

#[async_trait]
impl Receiver for Webhook {
    async fn deliver(&self, delivery: &Delivery, now: Timestamp) -> Result<(), DeliveryError> {
        let json =
            serde_json::to_vec(&body(&delivery.content)).map_err(|error| DeliveryError::Rejected(error.to_string()))?;
        let headers = self.headers(&delivery.id, now, &json);
        self.endpoint.post(json, headers).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<SigningSecret, SigningSecretError> {
        SigningSecret::new(&text.to_owned().into())
    }

    #[test]
    fn a_request_is_signed_as_the_specification_has_it() {
        // The example of its reference implementations.
        let secret = secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_is_none_is_told_and_not_shown() {
        for wrong in ["hunter2", "whsec_", "whsec_c2hvcnQ=", "whsec_***"] {
            let error = secret(wrong).err().unwrap().to_string();
            assert!(
                error.starts_with("the secret is wrong: expected `whsec_` and") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
