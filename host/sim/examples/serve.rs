//! Starts one simulated system and prints where it listens as a line of JSON: `cargo run -p nave-sim --example serve -- crm 0
//! [records] [seed] [state file]`. With NAVE_SIM_STDIN=1 it ends when its standard input is closed, so that a test which dies does not
//! leave it behind.

use nave_sim::{SimConfig, System, start};
use std::{error::Error, net::SocketAddr};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "crm".to_owned());
    let system =
        System::from_name(&name).ok_or_else(|| format!("`{name}` is not a system; there are crm, books, desk and mail"))?;
    let port: u16 = args.next().map_or(Ok(0), |text| text.parse())?;
    let records: usize = args.next().map_or(Ok(100), |text| text.parse())?;
    let seed: u64 = args.next().map_or(Ok(7), |text| text.parse())?;
    let state_file = args.next().map(Into::into);
    let config = SimConfig { records, state_file, bind: SocketAddr::from(([127, 0, 0, 1], port)), ..SimConfig::new(seed) };
    let running = start(system, config).await?;
    let ready = serde_json::json!({
        "system": system.name(), "addr": running.addr, "base_url": running.base_url(),
        "token": running.credential.token, "credential": running.credential, "control_token": running.control_token,
    });
    println!("{ready}");
    if std::env::var_os("NAVE_SIM_STDIN").is_some() {
        tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
        running.stop().await;
    } else {
        running.wait().await;
    }
    Ok(())
}
