//! Names to addresses, once per new connection.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

/// The future of a look-up.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Looks a name up. Injected, so that tests can answer what an attacker would.
pub trait Resolve: Send + Sync {
    /// All addresses of a name, in order of preference. Not called for addresses written as such.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The operating system's resolver, with its hosts file and its search order.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
