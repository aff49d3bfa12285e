//! Who did it, where nobody signed in: the user of this machine, as the kernel knows it. What the environment says of a name
//! anybody can set.

use nix::unistd::{Uid, User};

/// Name of the user that this process runs as.
pub fn here() -> String {
    of_uid(Uid::effective().as_raw())
}

/// Name of a user of this machine; the number, where the machine has no name for it (in a container, say).
pub fn of_uid(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) if !user.name.is_empty() => user.name,
        _ => format!("uid-{uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_called_by_name_or_by_number() {
        for (uid, expected) in [(0, "root"), (3_999_999_999, "uid-3999999999")] {
            assert_eq!(of_uid(uid), expected);
        }
        assert_eq!(here(), of_uid(Uid::effective().as_raw()));
    }
}
