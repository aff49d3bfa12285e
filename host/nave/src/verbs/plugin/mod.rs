//! `plugin`: made, built, inspected, called, installed, listed, removed; and what it may do.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use nave_core::manifest::{Manifest, PluginKind};
use nave_hub::api::{Answer, ApiError, FetchReach, InstalledAnswer, Request, exit};
use nave_hub::plugins::{self, BuildOptions, Language, NewPlugin, powers};
use serde_json::{Value as Json, json};

mod described;
mod dev;
pub(crate) mod near;
mod sign;
mod test;
mod upgrade;

use super::{Outcome, shipped};
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};
use crate::report;

/// Plugins: connectors and transforms, each one .wasm file
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  nave plugin new desk && cd desk && cargo test && nave plugin build .\n  \
                        nave plugin call target/plugins/desk.wasm discover\n  nave plugin install target/plugins/desk.wasm")]
pub(crate) enum Plugin {
    /// Make a crate that builds and passes its own test at once, in Rust, JavaScript or Python
    New {
        /// Name
        name: String,
        #[command(flatten)]
        described: described::Described,
        /// What it is to be
        #[arg(long, default_value = "connector", value_parser = ["connector", "transform"])]
        kind: String,
        /// Language
        #[arg(long, default_value = "rust", value_parser = ["rust", "javascript", "python"])]
        lang: String,
        /// Folder that its folder is made in
        #[arg(long, default_value = ".")]
        parent: PathBuf,
        /// The SDK's crate, for Rust [default: sdk/rust of the checkout that this program was built from]
        #[arg(long)]
        sdk: Option<PathBuf>,
    },
    /// Build a crate into a plugin, and say what powers it asks for
    Build {
        /// The crate
        #[arg(default_value = ".")]
        crate_dir: PathBuf,
        /// Folder for the .wasm [default: plugins in the target folder: cargo's for Rust, else the crate's]
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// What a file is and asks for; nothing of it is run
    Inspect {
        /// A .wasm file
        file: PathBuf,
        /// Also what its streams can do, as far as it says so without a network
        #[arg(long)]
        capabilities: bool,
    },
    Test(test::Test),
    Dev(dev::Dev),
    /// Run one function and print what it answers
    #[command(
        after_help = "A file runs without network and folders; a connection's name runs it under the connection's grants.\n\n\
        Functions of a connector: check, discover, read STREAM [CHECKPOINT] [LIMIT], get STREAM ID…, find STREAM PATH VALUE…,\n\
        acknowledge STREAM CHECKPOINT, write STREAM DELIVERIES. Of a transform: those of its manifest.\n\
        Arguments are JSON where they are that, else text.\n\n\
        Examples:\n  nave plugin call phone-e164.wasm phone_e164 '030 1234567' DE\n  nave plugin call crm read contacts"
    )]
    Call {
        /// A .wasm file, or a connection
        target: String,
        /// Function
        function: String,
        /// Arguments
        arguments: Vec<String>,
        /// Settings for a file, as JSON
        #[arg(long, default_value = "{}")]
        settings: String,
    },
    /// Copy a plugin in and pin it in nave.lock; grants nothing yet
    #[command(
        after_help = "A source is a .wasm file, a folder of them, https://HOST/PATH.wasm or oci://HOST/NAME[:TAG][@sha256:DIGEST].\n\
        The signature lies beside it, in NAME.wasm.sig; in a registry it is the annotation nave.plugin.signature of the manifest.\n\n\
        Over a build that connections or mappings use, another one is compared as an upgrade is, and held where it differs or\n\
        was not compared: the old build runs until `nave plugin upgrade NAME --approve`. Exit 4: it is held.\n\n\
        Examples:\n  nave plugin install target/plugins/desk.wasm\n  nave plugin install oci://registry.example.com/acme/desk:1.2.0\n  \
        nave plugin install oci://10.1.2.3:5000/desk --insecure --network 10.1.2.3/32"
    )]
    Install {
        /// Sources
        #[arg(required = true, value_name = "SOURCE")]
        sources: Vec<String>,
        /// Accept an older one than was ever installed
        #[arg(long)]
        rollback: bool,
        /// Accept another author or place than the installed one's
        #[arg(long)]
        other_source: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Compare another build with the one that runs; in force where nothing that matters is different, else held
    #[command(
        after_help = "Held is what asks for more, declares something else, or reads or sends something else when recorded traffic is played through both builds.\n\
        The old build runs until somebody agrees. Exit 4: it is held; with --check, 1: something is different.\n\n\
        Examples:\n  nave plugin record crm\n  nave plugin upgrade hubspot-2.wasm --check\n  nave plugin upgrade hubspot --approve"
    )]
    Upgrade(upgrade::Upgrade),
    /// Keep what a connection's plugin and its system say to each other, masked, under recordings/
    Record {
        /// Connection
        connection: String,
        /// Records of each stream
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=500))]
        records: u32,
    },
    /// Keys that plugins are signed with
    #[command(subcommand)]
    Key(sign::Key),
    /// Sign a plugin that passes `nave plugin test`: writes NAME.wasm.sig beside it
    Pack(sign::Pack),
    /// Whether a file is what somebody signed whom this project trusts
    Verify {
        /// A .wasm file
        file: PathBuf,
        /// Build this crate, and see whether the very same file comes of it
        #[arg(long, value_name = "CRATE")]
        rebuild: Option<PathBuf>,
    },
    /// Whose plugins this project accepts
    #[command(subcommand)]
    Trust(sign::Trust),
    /// Installed plugins
    List,
    /// Take a plugin out
    Remove {
        /// Name
        name: String,
    },
    /// What a plugin is let near: hosts, secrets, folders, and the fields that are read and written through it
    Exposure {
        /// A plugin, or one connection of it
        name: String,
    },
    /// What a plugin was refused lately, and what would allow it
    ExplainDeny {
        /// Name
        name: String,
    },
    /// What plugins ask for, and what connections were granted
    Grants {
        /// One plugin or connection
        name: Option<String>,
    },
}

/// What the host of an address may, beyond what every host may.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Reach {
    /// Allow http:// to the host that the source names
    #[arg(long)]
    insecure: bool,
    /// A private network that this host may lie in: 10.0.0.0/8
    #[arg(long = "network", value_name = "CIDR")]
    networks: Vec<String>,
    /// Another host that the registry may give its tokens at: auth.example.com
    #[arg(long, value_name = "HOST")]
    sign_in_host: Option<String>,
    /// Sign in with this secret, user:password; it is given for that host by this
    #[arg(long, value_name = "NAME")]
    secret: Option<String>,
}

impl From<Reach> for FetchReach {
    fn from(reach: Reach) -> Self {
        let Reach { insecure, networks, sign_in_host, secret } = reach;
        Self { insecure, networks, sign_in_host, secret }
    }
}

pub(crate) async fn run(verb: Plugin, context: &Context) -> Outcome {
    match verb {
        Plugin::New { name, parent, described, .. } if described.is_wanted() => described::new(name, parent, &described, context),
        Plugin::New { name, kind, lang, parent, sdk, .. } => {
            let kind = if kind == "transform" { PluginKind::Transform } else { PluginKind::Connector };
            let language = match lang.as_str() {
                "javascript" => Language::JavaScript,
                "python" => Language::Python,
                _ => Language::Rust,
            };
            new(&NewPlugin { name, kind, language, parent, sdk }, context)
        }
        Plugin::Build { crate_dir, out } => {
            build(&crate_dir, out, context).await?;
            Ok(exit::OK)
        }
        Plugin::Inspect { file, capabilities } => inspect(&file, capabilities, context).await,
        Plugin::Call { target, function, arguments, settings } => {
            call_function(&target, function, &arguments, &settings, context).await
        }
        Plugin::Dev(verb) => dev::run(verb, context).await,
        Plugin::Test(verb) => test::run(verb, context).await,
        Plugin::Install { sources, rollback, other_source, reach } => {
            let (reach, mut code) = (FetchReach::from(reach), exit::OK);
            for source in sources.iter().map(|source| plugins::each(source)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten()
            {
                let reach = reach.clone();
                code = code.max(installed_by(Request::PluginInstall { source, rollback, other_source, reach }, context).await?);
            }
            Ok(code)
        }
        Plugin::Upgrade(verb) => upgrade::run(verb, context).await,
        Plugin::Record { connection, records } => upgrade::record(connection, records, context).await,
        Plugin::Key(verb) => sign::key(verb, context),
        Plugin::Pack(pack) => sign::pack(pack, context).await,
        Plugin::Verify { file, rebuild: None } => {
            let found = sign::verify(&file, context)?;
            if context.json {
                output::json(&found);
            }
            Ok(exit::OK)
        }
        Plugin::Verify { file, rebuild: Some(source) } => sign::rebuild(&file, &source, context).await,
        Plugin::Trust(verb) => sign::trust(verb, context).await,
        Plugin::List => list(context).await,
        Plugin::Remove { name } => {
            let answer = want!(context.call(Request::PluginRemove { name }).await?, Done);
            if context.json {
                output::json(&answer);
            } else {
                say(clean(&answer.message));
            }
            Ok(exit::OK)
        }
        Plugin::Grants { name } => grants(name, context).await,
        Plugin::Exposure { name } => near::exposure(name, context).await,
        Plugin::ExplainDeny { name } => near::denied(name, context).await,
    }
}

fn new(plugin: &NewPlugin, context: &Context) -> Outcome {
    let dir = plugins::new(plugin)?;
    if context.json {
        output::json(&json!({ "dir": dir.display().to_string() }));
    } else {
        let test = plugin.language.test_command();
        say(format_args!("Made {}.\n\nNext: cd {0} && {test} && nave plugin build .", dir.display()));
    }
    Ok(exit::OK)
}

/// Said where a build took the place of one that was signed.
const UNSIGNED: &str =
    "  the signature beside it was of another build and is gone: sign this one with `nave plugin pack . --sign KEY.pem`";

/// Builds a plugin; answers its file.
pub(crate) async fn build(crate_dir: &Path, out: Option<PathBuf>, context: &Context) -> Result<PathBuf, ApiError> {
    let built = shipped::build(crate_dir, BuildOptions { out, quiet: context.json }).await?;
    let starters = plugins::lint(&built).await.inspect_err(|error| {
        // Here, where the files are known: the caret stands under the mistake.
        if !context.json {
            report::findings(&Context::for_people(crate_dir), &error.findings);
        }
    });
    let starters = starters.map_err(|error| if context.json { error } else { ApiError { findings: Vec::new(), ..error } })?;
    if context.json {
        output::json_line(&json!({
            "file": built.file.display().to_string(), "bytes": built.size, "digest": built.digest, "name": built.manifest.name, "powers": built.powers,
            "findings": starters.findings, "was_signed": built.was_signed,
        }));
    } else {
        say(format_args!(
            "{} {} → {} ({} kB)",
            built.manifest.name,
            built.manifest.version,
            built.file.display(),
            built.size / 1000
        ));
        built.powers.iter().for_each(|power| say(format_args!("  {}", clean(power))));
        report::findings(&Context::for_people(crate_dir), &starters.findings);
        if built.was_signed {
            say(UNSIGNED);
        }
        match (built.manifest.mappings.len(), starters.discovered) {
            (0, _) => {}
            (_, true) => say("  starter mappings checked against its streams"),
            (_, false) => say("  starter mappings checked; its streams are not known without a connection"),
        }
    }
    Ok(built.file)
}

async fn inspect(file: &Path, capabilities: bool, context: &Context) -> Outcome {
    let (bytes, manifest, digest) = plugins::inspect_file(file)?;
    let contract = nave_runtime::inspect(&bytes).map_err(plugins::PluginsError::from)?.abi_version.to_string();
    let streams = if capabilities { Some(near::capabilities(file, &manifest, context).await?) } else { None };
    if context.json {
        let mut found = json!({ "manifest": manifest, "contract": contract, "digest": digest, "bytes": bytes.len(), "powers": powers::asked(&manifest) });
        if let Some(streams) = &streams {
            found["capabilities"] = json!(streams);
        }
        output::json(&found);
        return Ok(exit::OK);
    }
    say(format_args!("{} {} (serial {}): {}", manifest.name, manifest.version, manifest.serial, clean(&manifest.title)));
    say(format_args!("  {}", clean(&manifest.description)));
    say(format_args!("  built against nave:plugin@{contract}"));
    say(format_args!("  SHA-256 {digest}, {} bytes\n", bytes.len()));
    powers::asked(&manifest).iter().for_each(|power| say(format_args!("  {}", clean(power))));
    settings(&manifest);
    if streams.is_some() && manifest.kind == PluginKind::Transform {
        say("\nIt is a transform: it has no streams, and can what its functions say.");
    } else if let Some(streams) = streams {
        say("");
        near::matrix(
            &streams,
            "Its streams are known with a connection only: `nave connection discover NAME --save`, `nave system matrix`.",
        );
    }
    Ok(exit::OK)
}

fn settings(manifest: &Manifest) {
    let mut rows = Rows::new(&["setting", "", "required", "default"]);
    for (name, setting) in &manifest.settings {
        let default = setting.default.as_ref().map(Json::to_string).unwrap_or_default();
        rows.row([name.as_str(), &setting.label, output::mark(setting.required), &default]);
    }
    if !manifest.settings.is_empty() {
        say("");
        rows.print("");
    }
    for function in &manifest.functions {
        say(format_args!(
            "  {}({}) → {}: {}",
            function.name,
            function.inputs.join(", "),
            function.output,
            clean(&function.explain)
        ));
    }
}

async fn call_function(target: &str, function: String, arguments: &[String], settings: &str, context: &Context) -> Outcome {
    let arguments: Vec<Json> =
        arguments.iter().map(|text| serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.clone()))).collect();
    let result = if target.ends_with(".wasm") {
        let settings: Json =
            serde_json::from_str(settings).map_err(|error| ApiError::usage(format!("--settings is not JSON: {error}")))?;
        plugins::call_file(Path::new(target), settings, &function, &arguments).await?
    } else {
        let request = Request::PluginCall { connection: target.to_owned(), function, arguments };
        want!(context.call(request).await?, Call).result
    };
    if context.json {
        output::json(&result);
    } else {
        say(output::clean_lines(&serde_json::to_string_pretty(&result).unwrap_or_default()));
    }
    Ok(exit::OK)
}

/// What came of an installation. One that is held waits for a person.
async fn installed_by(request: Request, context: &Context) -> Outcome {
    let answer = match context.call(request).await? {
        Answer::Upgrade(answer) => {
            if context.json {
                output::json_line(&answer);
            } else {
                say(if answer.changed {
                    "It differs from the one that runs, and something works through that one:"
                } else {
                    "Something works through the one that runs, and whether this one does the same was not seen:"
                });
                upgrade::show(&answer);
            }
            return Ok(exit::PERSON);
        }
        answer => want!(answer, Installed),
    };
    if context.json {
        output::json_line(&answer);
    } else {
        installed(&answer);
    }
    Ok(exit::OK)
}

fn installed(answer: &InstalledAnswer) {
    let plugin = &answer.plugin;
    let replaced = answer.replaced.as_ref().map(|version| format!(", in place of {version}")).unwrap_or_default();
    say(format_args!(
        "Installed {} {}{replaced}, pinned as {}…",
        plugin.name,
        plugin.version,
        plugin.digest.get(..12).unwrap_or_default()
    ));
    if let Some(by) = &answer.signed_by {
        say(format_args!("  signed by {}", clean(by)));
    }
    answer.powers.iter().for_each(|power| say(format_args!("  {}", clean(power))));
    for power in &answer.new_powers {
        say(format_args!("  new: {} It is refused until a connection grants it.", clean(power)));
    }
    for view in &answer.not_granted {
        say(format_args!("Not granted to connection {}:", view.name));
        view.not_granted.iter().for_each(|power| say(format_args!("  {}", clean(power))));
    }
    answer.notes.iter().for_each(|note| say(format_args!("note: {}", clean(note))));
    if plugin.connections.is_empty() && plugin.kind == "connector" {
        say(format_args!("Nothing of this is granted yet: `nave connection add {}`", plugin.name));
    }
}

async fn list(context: &Context) -> Outcome {
    let answer = want!(context.call(Request::PluginList).await?, Plugins);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["plugin", "version", "kind", "contract", "digest", "used by", ""]);
    for plugin in &answer.plugins {
        let digest = plugin.digest.get(..12).unwrap_or_default();
        let state = match (&plugin.held, plugin.present) {
            (_, false) => "its file is missing or was changed: install it again".to_owned(),
            (Some(held), true) => {
                format!("{held} is held: `nave plugin upgrade {0} --check`, then --approve or --decline", plugin.name)
            }
            (None, true) => plugin.description.clone(),
        };
        let used_by: Vec<&str> = plugin.connections.iter().chain(&plugin.flows).map(String::as_str).collect();
        rows.row([&plugin.name, &plugin.version, &plugin.kind, &plugin.contract, digest, &used_by.join(", "), state.as_str()]);
    }
    rows.print("No plugins yet: `nave plugin install FILE.wasm`.");
    Ok(exit::OK)
}

async fn grants(name: Option<String>, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::PluginGrants { name }).await?, Grants);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    for (what, views) in [("Plugin", &answer.plugins), ("Connection", &answer.connections)] {
        for view in views {
            say(format_args!("{what} {}", view.name));
            if view.pending {
                say("  Its file was changed: what it takes away counts already, what it adds waits for `nave plan`.");
            }
            view.powers.iter().for_each(|power| say(format_args!("  {}", clean(power))));
            view.not_granted.iter().for_each(|power| say(format_args!("  not granted: {}", clean(power))));
            for one in &view.uses {
                let last = one.last_used.as_deref().unwrap_or("never");
                let mark = match one.unused_days.filter(|_| one.unused) {
                    Some(days) => format!(" (unused for {days} days: {})", clean(&one.revoke(&view.name))),
                    None => String::new(),
                };
                say(format_args!("  {} to {}: used last {last}{mark}", one.what, clean(&one.to)));
            }
        }
    }
    Ok(exit::OK)
}
