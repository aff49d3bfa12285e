//! A client of the control interface, for whoever sets switches from outside: `nave sim`, and tests.
//!
//! One connection per call: a call is rare, and the system may have been restarted in between.

use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::limits::CONTROL_ANSWER_BYTES_MAX;

/// Where a running system is controlled.
#[derive(Clone, Debug)]
pub struct ControlClient {
    address: String,
    token: String,
}

/// Why a call came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The address makes no sense.
    #[error("`{0}` is not where a simulated system answers; it is as http://127.0.0.1:6401")]
    Address(String),
    /// Nobody answers there.
    #[error("no simulated system answers at {address}: {why}")]
    Unreachable {
        /// The address.
        address: String,
        /// The operating system's word, or the protocol's.
        why: String,
    },
    /// The system says no.
    #[error("{message}")]
    Refused {
        /// The answer's status.
        status: u16,
        /// The system's own words.
        message: String,
    },
}

impl ControlClient {
    /// For a system's base URL, and the control token that it gave when it was started.
    ///
    /// # Errors
    /// [`ControlError::Address`] where the URL is not one of a simulated system.
    pub fn new(url: &str, token: &str) -> Result<Self, ControlError> {
        let bad = || ControlError::Address(url.to_owned());
        let parsed = url::Url::parse(url).map_err(|_| bad())?;
        let plain =
            parsed.scheme() == "http" && matches!(parsed.path(), "" | "/" | "/_sim" | "/_sim/") && parsed.query().is_none();
        let (true, Some(host), Some(port)) = (plain, parsed.host_str(), parsed.port_or_known_default()) else {
            return Err(bad());
        };
        Ok(Self { address: format!("{host}:{port}"), token: token.to_owned() })
    }

    /// One call: `("POST", "fault", Some(rule))`. The answer as JSON.
    ///
    /// # Errors
    /// [`ControlError`], with the system's own words where it refuses.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, ControlError> {
        let lost = |why: String| ControlError::Unreachable { address: self.address.clone(), why };
        let stream = TcpStream::connect(&self.address).await.map_err(|error| lost(error.to_string()))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(error.to_string()))?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("/_sim/{path}"))
            .header(header::HOST, &self.address)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.map(Value::to_string).unwrap_or_default())))
            .map_err(|error| lost(error.to_string()))?;
        let answer = sender.send_request(request).await.map_err(|error| lost(error.to_string()))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), CONTROL_ANSWER_BYTES_MAX).collect().await;
        connection.abort();
        let bytes = body.map_err(|error| lost(error.to_string()))?.to_bytes();
        let value: Value =
            serde_json::from_slice(&bytes).map_err(|error| lost(format!("it answers something else ({error})")))?;
        if status == 200 {
            return Ok(value);
        }
        let message = value["message"].as_str().map_or_else(|| format!("it answers {status}"), str::to_owned);
        Err(ControlError::Refused { status, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SimConfig, System, start};
    use serde_json::json;

    #[tokio::test]
    async fn calls_and_what_they_come_to() {
        let sim = start(System::Crm, SimConfig::new(7)).await.unwrap();
        let client = ControlClient::new(&sim.base_url(), &sim.control_token).unwrap();
        let set = client.call("POST", "fault", Some(&json!({"switch": "down"}))).await.unwrap();
        assert_eq!(set["active"][0]["switch"], "down");
        let no = client.call("POST", "fault", Some(&json!({"switch": "rain"}))).await.unwrap_err();
        assert!(matches!(&no, ControlError::Refused { status: 400, message } if message.contains("rain")), "{no}");
        let stranger = ControlClient::new(&sim.base_url(), "wrong").unwrap();
        assert!(matches!(stranger.call("GET", "fault", None).await, Err(ControlError::Refused { status: 401, .. })));
        sim.stop().await;
        assert!(matches!(client.call("GET", "fault", None).await, Err(ControlError::Unreachable { .. })));
        for url in ["", "here", "https://127.0.0.1:1", "http://127.0.0.1:1/crm", "http://127.0.0.1:1?a=b"] {
            assert!(matches!(ControlClient::new(url, "t"), Err(ControlError::Address(_))), "{url}");
        }
    }
}
