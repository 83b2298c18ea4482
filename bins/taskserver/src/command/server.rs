//! Which running server a command asks: the one at a URL, or else the one that the configuration describes.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use taskserver_http::Client;
use url::Url;

use crate::cli::{ServerArgs, Sources};

/// A server that is to be asked, with the token that is to be shown.
pub(super) struct ServerOfArgs {
    place: Place,
    token: Option<String>,
}

enum Place {
    Url(String),
    Configured(SocketAddr),
}

impl ServerOfArgs {
    pub(super) fn new(sources: &Sources, args: &ServerArgs) -> anyhow::Result<Self> {
        let token = match (&args.token, &args.token_file) {
            (Some(token), _) => Some(token.clone()),
            (None, Some(file)) => Some(
                std::fs::read_to_string(file)
                    .with_context(|| format!("the token cannot be read from {}", file.display()))?,
            ),
            (None, None) => None,
        };
        let place = match &args.url {
            Some(url) => Place::Url(url.clone()),
            None => Place::Configured(sources.loader().load()?.settings.http.admin_address()),
        };
        Ok(Self { place, token: token.map(|token| token.trim().to_owned()) })
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// A client that may wait so long for each answer.
    pub(super) async fn client(&self, timeout: Duration) -> anyhow::Result<Client> {
        let address = match &self.place {
            Place::Configured(address) => *address,
            Place::Url(url) => resolve(url).await?,
        };
        let client = Client::new(address, timeout);
        Ok(match &self.token {
            Some(token) => client.with_token(token),
            None => client,
        })
    }
}

/// What an error of the server's says.
pub(super) fn message(body: &str) -> String {
    let message = serde_json::from_str::<serde_json::Value>(body)
        .ok()
        .and_then(|error| Some(error.get("message")?.as_str()?.to_owned()));
    message.unwrap_or_else(|| body.trim().to_owned())
}

/// The address of the server at a URL.
async fn resolve(url: &str) -> anyhow::Result<SocketAddr> {
    let parsed = Url::parse(url).ok().filter(|url| url.scheme() == "http" && url.path() == "/");
    let host = parsed.as_ref().and_then(|url| Some((url.host_str()?, url.port_or_known_default()?)));
    let (host, port) = host.with_context(|| {
        format!("`{url}` is no address of a server; give one such as http://taskserver:5050 (for a cluster, `kubectl port-forward` makes one)")
    })?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut addresses =
        tokio::net::lookup_host((host, port)).await.with_context(|| format!("the host `{host}` is not known"))?;
    addresses.next().with_context(|| format!("the host `{host}` has no address"))
}
