//! A client and nothing more: the floor of what is carried from one HTTP API to another. It speaks as HubSpot's CRM v3 does.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};

use super::failed;
use crate::api::ApiError;

/// A simulated CRM, as it says where it is.
#[derive(Clone, Debug)]
pub struct Place {
    /// `http://127.0.0.1:PORT`.
    pub base_url: String,
    /// Bearer token.
    pub token: String,
}

/// Objects of one page and of one batch: the vendor's most.
const PAGE: usize = 100;
/// Properties that are carried; those of [`super::carry`]'s mapping.
pub(super) const PROPERTIES: [&str; 12] = [
    "firstname",
    "lastname",
    "email",
    "phone",
    "mobilephone",
    "jobtitle",
    "company",
    "address",
    "city",
    "state",
    "zip",
    "country",
];

/// One connection, kept open.
pub(super) struct Bare {
    send: SendRequest<Full<Bytes>>,
    host: String,
    token: String,
}

impl Bare {
    pub(super) async fn connect(place: &Place) -> Result<Self, ApiError> {
        let host = place.base_url.trim_start_matches("http://").to_owned();
        let address: SocketAddr = host.parse().map_err(failed)?;
        let stream = tokio::net::TcpStream::connect(address).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        let (send, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
        tokio::spawn(connection);
        Ok(Self { send, host, token: place.token.clone() })
    }

    /// One request and its answer, which must be a success.
    pub(super) async fn ask(&mut self, method: &str, path: &str, body: Option<&Json>) -> Result<Json, ApiError> {
        serde_json::from_slice(&self.bytes(method, path, body).await?).map_err(failed)
    }

    /// The same, the answer as it came.
    pub(super) async fn bytes(&mut self, method: &str, path: &str, body: Option<&Json>) -> Result<Bytes, ApiError> {
        let bytes = body.map(|body| body.to_string()).unwrap_or_default();
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(bytes)))
            .map_err(failed)?;
        self.send.ready().await.map_err(failed)?;
        let answer = self.send.send_request(request).await.map_err(failed)?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await.map_err(failed)?.to_bytes();
        if !status.is_success() {
            return Err(failed(format!("{method} {path} answered {status}: {}", String::from_utf8_lossy(&bytes))));
        }
        Ok(bytes)
    }
}

/// Carries every contact from one CRM to another: pages read, decoded, spelled anew, posted. Answers how many.
pub(super) async fn carry(from: &Place, to: &Place) -> Result<u64, ApiError> {
    let (mut from, mut to) = (Bare::connect(from).await?, Bare::connect(to).await?);
    let mut after = String::new();
    let mut carried = 0;
    loop {
        let properties = PROPERTIES.join(",");
        let page =
            from.ask("GET", &format!("/crm/v3/objects/contacts?limit={PAGE}&properties={properties}{after}"), None).await?;
        let none = Vec::new();
        let rows = page["results"].as_array().unwrap_or(&none);
        let inputs: Vec<Json> = rows
            .iter()
            .map(|row| {
                let known = |name: &&str| row["properties"][*name].as_str().is_some_and(|value| !value.is_empty());
                let properties = PROPERTIES.iter().filter(|name| known(name));
                let properties = properties.map(|name| ((*name).to_owned(), row["properties"][*name].clone()));
                json!({ "properties": properties.collect::<serde_json::Map<_, _>>() })
            })
            .collect();
        carried += inputs.len() as u64;
        if !inputs.is_empty() {
            to.ask("POST", "/crm/v3/objects/contacts/batch/create", Some(&json!({ "inputs": inputs }))).await?;
        }
        match page["paging"]["next"]["after"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(carried),
        }
    }
}

/// Median time of a durable commit of one small row, in milliseconds, in a folder.
pub(super) fn commit_ms(dir: &Path, commits: usize) -> Result<f64, ApiError> {
    let mut times = Vec::with_capacity(commits);
    let mut floor = nave_store::FloorCommits::open(dir).map_err(failed)?;
    for _ in 0..commits {
        let began = Instant::now();
        floor.commit(1_000).map_err(failed)?;
        times.push(Duration::as_secs_f64(&began.elapsed()) * 1e3);
    }
    floor.remove().map_err(failed)?;
    Ok(super::percentile(&mut times, 0.5))
}
