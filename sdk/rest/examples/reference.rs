//! Prints the reference of a description's keys, for plugins/rest/README.md.

fn main() {
    print!("{}", nave_rest::keys::reference());
}
