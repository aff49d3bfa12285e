//! Looks for what is wrong with the installation, and says what to type. What merely waits is said, and is not wrong.

use std::path::Path;
use std::time::Duration;

use nave_core::catalog::Catalog;
use nave_core::model::Time;
use tokio::task::block_in_place;

use super::{configuration, count, listed, may, status};
use crate::api::{ApiError, DoctorAnswer, FlowStatus, HealthCheck};
use crate::hub::{Hub, load};
use crate::plugins;
use crate::vault::References;

/// A connection that takes longer to say whether it works does not.
const CHECK_MS_MAX: u64 = 20_000;

/// Everything that can be looked at, in the order in which one thing needs the other.
pub(super) async fn doctor(hub: &Hub) -> Result<DoctorAnswer, ApiError> {
    let mut checks = block_in_place(|| at_rest(hub));
    checks.extend(kept_elsewhere(hub).await);
    checks.extend(connections(hub).await);
    checks.extend(scopes(hub));
    checks.extend(block_in_place(|| ending(hub))?);
    checks.extend(credentials(hub));
    let health = block_in_place(|| status::status(&hub.engine))?;
    checks.extend(health.flows.iter().map(flow));
    checks.push(well("waiting for a person", format!("{} open", count(health.reviews as usize, "review is", "reviews are"))));
    let letters = count(health.dead_letters as usize, "dead letter", "dead letters");
    checks.push(match health.dead_letters {
        0 => well("set aside", letters),
        _ => wrong("set aside", letters, "`nave dlq list`; `nave dlq show NUMBER` says how to fix one"),
    });
    Ok(DoctorAnswer { checks })
}

fn well(name: &str, detail: impl Into<String>) -> HealthCheck {
    HealthCheck { name: name.to_owned(), ok: true, detail: detail.into(), fix: None }
}

fn wrong(name: &str, detail: impl Into<String>, fix: impl Into<String>) -> HealthCheck {
    HealthCheck { name: name.to_owned(), ok: false, detail: detail.into(), fix: Some(fix.into()) }
}

/// Systems that say that a part of their API goes: what works today stops on that day.
fn ending(hub: &Hub) -> Result<Vec<HealthCheck>, ApiError> {
    let mut checks = Vec::new();
    for (name, connection) in &hub.engine.catalog().connections {
        if let Some(said) = hub.engine.sunset(name)? {
            let fix = format!("`nave plugin upgrade {} --check`: its plugin has to ask otherwise by then", connection.plugin);
            checks.push(wrong(&format!("API of {name}"), format!("it says that {}", said.said()), fix));
        }
    }
    Ok(checks)
}

fn at_rest(hub: &Hub) -> Vec<HealthCheck> {
    let catalog = hub.engine.catalog();
    let mut checks = vec![match load(&hub.dir) {
        Ok((found, _)) if found.digest != catalog.digest => wrong(
            "configuration",
            "the files are in order, but not what is in force",
            "`nave plan` reads them again and shows what would change",
        ),
        Ok((_, warnings)) if warnings.is_empty() => well("configuration", "in order and in force"),
        Ok((_, warnings)) => well(
            "configuration",
            format!("in force, with {} (`nave mapping lint`)", count(warnings.len(), "warning", "warnings")),
        ),
        Err(error) => {
            // What is wrong with the files of the project itself makes others wrong.
            let errors = || error.findings.iter().filter(|found| found.error);
            let first = errors().find(|found| !found.path.contains('/')).or_else(|| errors().next());
            let first = first.map(|found| format!("; the first: {}:{}: {}", found.path, found.line, found.message));
            let detail = format!("{}{}", error.message, first.unwrap_or_default());
            wrong("configuration", detail, error.help.unwrap_or_else(|| "`nave mapping lint`".to_owned()))
        }
    }];
    checks.push(folder(&hub.dir.join(&catalog.hub.data)));
    checks.push(match hub.store.heads() {
        Ok(heads) => {
            well("store", format!("{} records, {} changes", heads.record.saturating_sub(1), heads.sequence.saturating_sub(1)))
        }
        Err(error) => wrong("store", error.to_string(), "restart the hub; `nave restore FILE` brings a backup back"),
    });
    checks.push(installed(&hub.dir, &catalog));
    checks.extend(held_builds(&catalog));
    checks.extend(documentation(&catalog, hub.engine.now()));
    checks.push(secrets(hub));
    checks.push(master_key(&hub.dir, hub.engine.now()));
    checks
}

/// How old the master key is. Nothing is wrong with an old one, and somebody should know.
fn master_key(dir: &Path, now: Time) -> HealthCheck {
    match crate::key::show(dir) {
        Ok(key) => {
            let days = key.since.map(|since| (now.0 - since.0) / super::access::DAY_MS);
            let age = days.map_or("nobody knows since when".to_owned(), |days| format!("{} old", count_days(days)));
            well("master key", format!("{age}, {} (`nave key change --because TEXT` makes another)", key.file.display()))
        }
        Err(error) => wrong("master key", error.message, error.help.unwrap_or_else(|| "`nave key show`".to_owned())),
    }
}

fn count_days(days: i64) -> String {
    count(usize::try_from(days).unwrap_or(0), "day", "days")
}

/// Only its user may look into the data folder.
fn folder(path: &Path) -> HealthCheck {
    use std::os::unix::fs::PermissionsExt as _;
    match std::fs::metadata(path) {
        Ok(found) if found.permissions().mode() & 0o077 != 0 => {
            wrong("data folder", format!("others may look into {}", path.display()), format!("chmod 700 {}", path.display()))
        }
        Ok(_) => well("data folder", path.display().to_string()),
        Err(error) => wrong("data folder", format!("{}: {error}", path.display()), "is the disk there, and is it yours?"),
    }
}

fn installed(dir: &Path, catalog: &Catalog) -> HealthCheck {
    match plugins::list(dir) {
        Ok(found) => {
            let missing: Vec<String> = found.iter().filter(|plugin| !plugin.present).map(|plugin| plugin.name.clone()).collect();
            if missing.is_empty() {
                well("plugins", format!("{}, each the file that was pinned", count(found.len(), "is installed", "are installed")))
            } else {
                let pinned = |name: &String| {
                    catalog.plugins.get(name).map(|plugin| dir.join("plugins").join(format!("{}.wasm", plugin.digest)))
                };
                let (other, gone): (Vec<String>, Vec<String>) =
                    missing.into_iter().partition(|name| pinned(name).is_some_and(|file| file.exists()));
                let mut details = Vec::new();
                if !gone.is_empty() {
                    details.push(format!("the pinned file of {} is not there", listed(&gone)));
                }
                if !other.is_empty() {
                    details.push(format!("the file of {} is not the one that was pinned: somebody changed it", listed(&other)));
                }
                wrong("plugins", details.join("; "), "`nave plugin install FILE.wasm` with the file that was pinned")
            }
        }
        Err(error) => {
            let error = ApiError::from(error);
            wrong("plugins", error.message, error.help.unwrap_or_default())
        }
    }
}

/// Documentation that nobody read for this long may say something else by now.
const DOCS_DAYS_MAX: i64 = 90;

/// Systems that are connected and whose documentation nobody read lately.
fn documentation(catalog: &Catalog, now: Time) -> Vec<HealthCheck> {
    let today = now.to_string().get(..10).and_then(|day| day.parse::<jiff::civil::Date>().ok()).unwrap_or_default();
    let connected = |name: &String| catalog.connections.values().any(|connection| connection.system == *name);
    let old = catalog.systems.iter().filter(|(name, _)| connected(name)).filter_map(|(name, system)| {
        let read = system.docs_checked.parse::<jiff::civil::Date>().ok();
        let days = read.and_then(|read| today.since(read).ok()).map(|age| i64::from(age.get_days()));
        let fix = format!("read it and write the day: `docs-checked = \"{today}\"` under [{name}] in systems.toml");
        match days {
            Some(days) if days <= DOCS_DAYS_MAX => None,
            Some(days) => Some(wrong(&format!("documentation of {name}"), format!("last read {days} days ago"), fix)),
            None if system.docs.is_empty() => None,
            None => Some(wrong(&format!("documentation of {name}"), "nobody wrote down when it was read", fix)),
        }
    });
    old.collect()
}

/// Builds of plugins that wait for somebody to agree: nothing is wrong, and somebody should know.
fn held_builds(catalog: &Catalog) -> Vec<HealthCheck> {
    let held = catalog.plugins.iter().filter_map(|(name, plugin)| Some((name, plugin, plugin.held.as_ref()?)));
    held.map(|(name, plugin, held)| {
        let detail = format!(
            "{} waits for somebody to agree, {} runs (`nave plugin upgrade {name} --check`)",
            held.version, plugin.version
        );
        well(&format!("plugin {name}"), detail)
    })
    .collect()
}

fn secrets(hub: &Hub) -> HealthCheck {
    let known = match hub.vault.list() {
        Ok(known) => known,
        Err(error) => return wrong("secrets", error.to_string(), "is the key in the data folder the one that it was made with?"),
    };
    let catalog = hub.engine.catalog();
    let mut missing: Vec<String> = catalog
        .connections
        .values()
        .flat_map(|connection| {
            let credentials = connection.credentials.values().map(|credential| &credential.secret);
            credentials.chain(connection.webhook.iter().map(|webhook| &webhook.secret))
        })
        .chain(catalog.hub.vaults.values().map(|vault| &vault.secret))
        .filter(|name| !known.iter().any(|secret| secret.name == **name))
        .cloned()
        .collect();
    missing.sort();
    missing.dedup();
    match missing.first() {
        None => well(
            "secrets",
            format!("{}; every one that a connection names is there", count(known.len(), "is stored", "are stored")),
        ),
        Some(first) => wrong("secrets", format!("not stored: {}", listed(&missing)), format!("`nave secret set {first}`")),
    }
}

/// Every secret that is kept elsewhere is fetched, one after the other: they may all be in one vault.
/// None is while the configuration has errors: what it says of vaults may be wrong.
async fn kept_elsewhere(hub: &Hub) -> Vec<HealthCheck> {
    let mut checks = Vec::new();
    let References { found, damaged } = match block_in_place(|| hub.vault.all_references()) {
        Ok(all) => all,
        Err(error) => return vec![wrong("secrets kept elsewhere", error.to_string(), "`nave doctor` again".to_owned())],
    };
    for name in damaged {
        let title = format!("secret {name}");
        let why = "where it is kept cannot be read: its row was changed, or is of a later version".to_owned();
        checks.push(wrong(&title, why, format!("`nave secret set {name}`, or `nave secret refer {name} --file PATH`")));
    }
    if hub.broken.is_some() {
        return checks;
    }
    for (name, place) in found {
        let title = format!("secret {name}");
        let tried = tokio::time::timeout(Duration::from_millis(CHECK_MS_MAX), hub.vault.try_reference(&name)).await;
        checks.push(match tried {
            Ok(Ok(_)) => well(&title, format!("can be fetched from {place}")),
            Ok(Err(error)) => wrong(&title, error.to_string(), format!("`nave secret check {name}` after that was put right")),
            Err(_) => wrong(&title, format!("{place} does not answer in time"), format!("`nave secret check {name}`")),
        });
    }
    checks
}

/// Every connection is asked, all at the same time. None where the configuration has errors: what it says of the way there may be wrong.
async fn connections(hub: &Hub) -> Vec<HealthCheck> {
    if hub.broken.is_some() {
        return vec![well("connections", "none is asked while the configuration has errors")];
    }
    let mut asked = Vec::new();
    for name in hub.engine.catalog().connections.keys() {
        let (engine, connection) = (hub.engine.clone(), name.clone());
        let answer = async move {
            tokio::time::timeout(Duration::from_millis(CHECK_MS_MAX), configuration::ask(&engine, &connection)).await
        };
        asked.push((name.clone(), tokio::spawn(answer)));
    }
    let mut checks = Vec::new();
    for (name, task) in asked {
        let title = format!("connection {name}");
        let fix = format!("`nave connection check {name}`");
        checks.push(match task.await {
            Ok(Ok(Ok(report))) => {
                if let Err(error) = configuration::remember_rates(hub, &name).await {
                    tracing::warn!(%error, connection = name, "what its system says of rates was not noted");
                }
                if let Err(error) = may::remember(hub, &name, &report.scopes).await {
                    tracing::warn!(%error, connection = name, "what its credential may was not noted");
                }
                let words = [report.account, report.environment];
                well(&title, words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join(", "))
            }
            Ok(Ok(Err(error))) => {
                let error = configuration::broken(&name, error);
                wrong(&title, error.message, error.help.unwrap_or(fix))
            }
            Ok(Err(_)) => wrong(&title, format!("no answer within {} seconds", CHECK_MS_MAX / 1_000), fix),
            Err(error) => wrong(&title, format!("the check was broken off: {error}"), fix),
        });
    }
    checks
}

/// What systems granted: more than is needed is a risk, less is a failure to come.
fn scopes(hub: &Hub) -> Vec<HealthCheck> {
    let Ok(answer) = super::authorizations::list(hub, None) else { return Vec::new() };
    let mut checks = Vec::new();
    for line in answer.authorizations {
        let title = format!("sign-in {}", line.connection);
        let fix = format!("`nave connection authorize {}`", line.connection);
        if line.state != "good" {
            checks.push(wrong(&title, line.why.unwrap_or_default(), fix));
        } else if !line.excess.is_empty() {
            let fix = format!("agree anew to what is asked for alone: {fix}");
            checks.push(wrong(&title, format!("it may more than is needed: {}", listed(&line.excess)), fix));
        } else if !line.missing.is_empty() {
            checks.push(wrong(&title, format!("it was not granted {}", listed(&line.missing)), fix));
        } else {
            checks.push(well(&title, format!("agreed to by {}, with what is needed", line.by.unwrap_or_default())));
        }
    }
    checks
}

/// What the other credentials may over there: more than is needed is a risk; what nobody knows is said, and is not wrong.
fn credentials(hub: &Hub) -> Vec<HealthCheck> {
    let check = |one: may::May| {
        let title = format!("credential {} of {}", one.slot, one.connection);
        match one.too_much() {
            Some(too_much) => wrong(&title, too_much, one.advice()),
            None if one.granted.is_none() && one.reads => HealthCheck { fix: Some(one.advice()), ..well(&title, one.said()) },
            None => well(&title, one.said()),
        }
    };
    block_in_place(|| may::list(hub)).unwrap_or_default().into_iter().map(check).collect()
}

fn flow(flow: &FlowStatus) -> HealthCheck {
    let title = format!("flow {}", flow.flow);
    match flow.health() {
        "failing" => wrong(
            &title,
            flow.last_error.clone().unwrap_or_default(),
            format!("`nave connection check {}`, then `nave sync {}`", flow.connection, flow.flow),
        ),
        "not approved" => well(&title, "nothing is sent before its plan is agreed to (`nave plan`, `nave apply`)"),
        "paused" => well(&title, format!("paused (`nave resume {}`)", flow.flow)),
        other => {
            let waiting = format!(
                "{other}; {} to be compared, {} parked, {} open, {} set aside",
                flow.pending, flow.parked, flow.open, flow.failed
            );
            well(&title, waiting)
        }
    }
}
