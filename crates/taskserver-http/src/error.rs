//! What can go wrong when a server is started or asked.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::StatusCode;

/// Why a server cannot be started, or cannot be asked something. The messages are whole: the causes are part of them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {}", bind_advice(cause))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// Nothing answers at the address.
    #[error(
        "cannot connect to {address}: {cause}; is the server running, and do `http.host` and `http.port` agree with it?"
    )]
    Connect {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The server took too long to answer.
    #[error("{address} did not answer {asked} within {timeout:?}")]
    TimedOut {
        /// The server's address.
        address: SocketAddr,
        /// What was asked for: the method and the path.
        asked: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// What the server answered is not HTTP, is larger than 4 MiB, or ended early.
    #[error("the answer of {address} to {asked} cannot be read: {cause}; is another program listening there?")]
    Answer {
        /// The server's address.
        address: SocketAddr,
        /// What was asked for: the method and the path.
        asked: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The server refused.
    #[error("{address} answered {asked} with {status}: {body}")]
    Status {
        /// The server's address.
        address: SocketAddr,
        /// What was asked for: the method and the path.
        asked: String,
        /// The answer's status.
        status: StatusCode,
        /// The answer's body.
        body: String,
    },
}

fn bind_advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is in use; stop the program that listens there, or set `http.port` to another port".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address; set `http.host` to one of its own, or to `0.0.0.0` for all".to_owned()
        }
        io::ErrorKind::PermissionDenied => {
            "not permitted; ports below 1024 are reserved for privileged programs, so set `http.port` to a higher one"
                .to_owned()
        }
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_to_listen_says_what_to_do() {
        let message = |kind: io::ErrorKind| {
            HttpError::Bind { address: ([127, 0, 0, 1], 80).into(), cause: kind.into() }.to_string()
        };
        assert_eq!(
            message(io::ErrorKind::AddrNotAvailable),
            "cannot listen on 127.0.0.1:80: this machine has no such address; set `http.host` to one of its own, or to \
             `0.0.0.0` for all"
        );
        assert_eq!(
            message(io::ErrorKind::PermissionDenied),
            "cannot listen on 127.0.0.1:80: not permitted; ports below 1024 are reserved for privileged programs, so set \
             `http.port` to a higher one"
        );
        assert_eq!(message(io::ErrorKind::OutOfMemory), "cannot listen on 127.0.0.1:80: out of memory");
    }
}
