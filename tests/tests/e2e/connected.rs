//! Simulated systems that are connected as a user connects them, with the mappings that their plugins bring.

use nave_tests::project::Project;
use nave_tests::systems::Sim;

/// The audience of the mailing lists whose members are read.
pub(crate) const AUDIENCE: &str = "a1b2c3d4e5";

/// Connects each under the name of what it is: `crm`, `books`, `desk`, `mail`.
#[track_caller]
pub(crate) fn connect(project: &Project, systems: &[(&str, &Sim)]) {
    for (name, sim) in systems {
        let (url, token) = (format!("url={}", sim.running.base_url()), sim.running.credential.token.clone());
        match *name {
            "crm" => add(project, "hubspot", name, &[url], &token),
            "books" => {
                let tenant = sim.running.credential.tenant_id.clone().expect("books have an organisation");
                add(project, "xero", name, &[format!("{url}/api.xro/2.0"), format!("tenant={tenant}")], &token);
            }
            "desk" => {
                let user = sim.running.credential.user.clone().expect("the desk has a user");
                add(project, "zendesk", name, &[url], &format!("{user}:{token}"));
            }
            "mail" => add(project, "mailchimp", name, &[url, format!("audience={AUDIENCE}")], &format!("nave:{token}")),
            other => panic!("no plugin is made for `{other}`"),
        }
    }
}

/// `connection add`, with a secret.
#[track_caller]
pub(crate) fn add(project: &Project, plugin: &str, name: &str, settings: &[String], secret: &str) {
    project.install(plugin);
    let mut arguments = vec!["connection", "add", plugin, "--name", name, "--secret-from", "-", "--yes"];
    settings.iter().for_each(|setting| arguments.extend(["--set", setting.as_str()]));
    arguments.extend(["--grant-network", "127.0.0.0/8", "--insecure", "--because", "it runs on this machine"]);
    project.tell(&arguments, secret);
}
