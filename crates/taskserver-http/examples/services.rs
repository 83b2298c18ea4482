//! A server with one service in memory, for whoever has the token `secret`:
//!
//! ```text
//! cargo run -p taskserver-http --example services
//! curl -H 'authorization: Bearer secret' 'http://127.0.0.1:5050/analytics?count[$gt]=1'
//! ```

use std::sync::Arc;

use taskserver_core::{Access, App, Field, FieldType, MemoryService, Method, Schema};
use taskserver_http::{BearerAuthenticator, HttpOptions, OperatorToken, Server};
use tokio_util::sync::CancellationToken;

/// `printf %s secret | sha256sum`
const SECRET: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let analytics = MemoryService::new(Schema::new([
        Field::required("id", FieldType::ID),
        Field::nullable("count", FieldType::INT),
        Field::nullable("type", FieldType::TEXT),
        Field::nullable("ended", FieldType::Boolean),
        Field::nullable("createdAt", FieldType::DateTime),
    ]));
    let access = Access::new().writes(true).offer("analytics", Method::ALL);
    let app = App::builder().service("analytics", analytics).access(access).build()?;
    let operator = OperatorToken::new("example", SECRET, [Access::ADMIN.to_owned()])?;
    let authenticator = BearerAuthenticator::new().operator(operator);
    let server = Server::bind(HttpOptions::new("127.0.0.1:5050".parse()?)).await?;
    server.authenticator(Arc::new(authenticator)).serve(app, CancellationToken::new()).await;
    Ok(())
}
