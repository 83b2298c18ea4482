use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use taskserver_http::{Client, HttpError, HttpOptions, Server, TaskTable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::platform::{app, authenticator, jwt_verifier, platform_options};
use crate::support::{PATIENCE, options, start, start_app, start_with};

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let server = start().await;
    let address = server.address;
    let error = Server::bind(HttpOptions { address, ..options() }).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {address}: the port is in use; stop the program that listens there, or set `http.port` to \
             another port"
        )
    );
}

#[tokio::test]
async fn a_server_on_all_addresses_is_asked_on_loopback() {
    for unspecified in ["0.0.0.0:0", "[::]:0"] {
        let address = unspecified.parse().unwrap();
        let server = start_with(HttpOptions { address, ..options() }).await;
        assert!(server.address.ip().is_unspecified());
        assert_eq!(server.client().get("/livez").await.unwrap().body, "ok");
    }
}

#[tokio::test]
async fn a_server_on_both_ip_versions_answers_on_both() {
    let server = start_with(HttpOptions { address: "[::]:0".parse().unwrap(), ..options() }).await;
    let of_v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, server.address.port()));
    assert_eq!(Client::new(of_v4, PATIENCE).get("/livez").await.unwrap().body, "ok");
}

#[tokio::test]
async fn nothing_that_listens_is_reported_with_what_to_look_at() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = Client::new(free, PATIENCE).get("/readyz").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot connect to {free}: Connection refused (os error 111); is the server running, and do `http.host` and \
             `http.port` agree with it?"
        )
    );
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_on() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let error = Client::new(address, Duration::from_millis(50)).get("/readyz").await.unwrap_err();
    assert_eq!(error.to_string(), format!("{address} did not answer GET /readyz within 50ms"));
}

/// Asks a listener that answers with these bytes.
async fn ask_impostor(answer: Vec<u8>) -> HttpError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = Client::new(listener.local_addr().unwrap(), PATIENCE);
    let impostor = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(&answer).await;
    };
    tokio::join!(client.get_json::<TaskTable>("/api/tasks"), impostor).0.unwrap_err()
}

#[tokio::test]
async fn answers_of_other_programs_are_errors() {
    let shape = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec();
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}".to_vec();
    let mut large = b"HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n".to_vec();
    large.resize(5_000_000, b' ');
    for (answer, cause) in [
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "invalid HTTP version parsed"),
        (Vec::new(), "connection closed before message completed"),
        (shape, "missing field `server` at line 1 column 2"),
        (short, "error reading a body from connection: end of file before message length reached"),
        (large, "length limit exceeded"),
    ] {
        let error = ask_impostor(answer).await;
        let HttpError::Answer { address, .. } = error else { panic!("{error}") };
        assert_eq!(
            error.to_string(),
            format!(
                "the answer of {address} to GET /api/tasks cannot be read: {cause}; is another program listening there?"
            )
        );
    }
}

#[tokio::test]
async fn a_refusal_is_an_error_where_json_is_expected() {
    let server = start().await;
    let error = server.client().get_json::<TaskTable>("/api/tasks/nope").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{} answered GET /api/tasks/nope with 404 Not Found: {{\"name\":\"NotFound\",\"message\":\"No task found for \
             name 'nope'\",\"code\":404,\"className\":\"not-found\"}}",
            server.address
        )
    );
}

#[tokio::test]
async fn a_client_can_show_a_token_and_does_not_show_it_to_anybody_else() {
    let options = HttpOptions { protect_pages: true, ..platform_options() };
    let server = start_app(options, app(), authenticator(jwt_verifier()).await).await;
    assert_eq!(server.client().get("/api/tasks").await.unwrap().status, 401);
    let client = server.client().with_token("admin-key");
    assert!(client.get("/api/tasks").await.unwrap().is_success());
    assert!(!format!("{client:?}").contains("admin-key"));
}
