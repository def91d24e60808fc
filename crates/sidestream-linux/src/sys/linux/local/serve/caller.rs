//! For whom the helper works, and over whose processes it has a say.

use std::env;
use std::ffi::OsString;

use crate::CallerError;

/// What sudo and pkexec tell about who called them.
const VARIABLES: [&str; 2] = ["SUDO_UID", "PKEXEC_UID"];

/// For whom the helper works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The user whose proxy is served, and no other user's.
    pub uid: u32,
    /// Whether processes of other users may be captured: root, or who asks for root's consent,
    /// may; who finds the helper installed with its rights may not.
    pub all_users: bool,
}

impl Caller {
    /// Finds out who started this process.
    ///
    /// `uid` is believed if root started it; then it comes before what sudo and pkexec tell.
    ///
    /// # Errors
    ///
    /// Another user than root gave another `uid` than its own, or sudo or pkexec told something
    /// else than a user.
    pub fn find(uid: Option<u32>) -> Result<Self, CallerError> {
        Self::new(rustix::process::getuid().as_raw(), uid, |name| env::var_os(name))
    }

    fn new(
        real_uid: u32,
        uid: Option<u32>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, CallerError> {
        if real_uid != 0 {
            return match uid {
                Some(uid) if uid != real_uid => Err(CallerError::NotRoot { uid, real_uid }),
                _ => Ok(Self { uid: real_uid, all_users: false }),
            };
        }
        let told = || VARIABLES.iter().find_map(|name| Some((*name, variable(name)?)));
        let uid = match (uid, told()) {
            (Some(uid), _) => uid,
            (None, Some((name, value))) => {
                let uid = value.to_str().and_then(|value| value.parse().ok());
                uid.ok_or(CallerError::Variable { name, value })?
            }
            (None, None) => real_uid,
        };
        Ok(Self { uid, all_users: true })
    }
}

#[cfg(test)]
mod tests {
    use super::Caller;
    use crate::CallerError;

    #[track_caller]
    fn check(
        (real_uid, uid): (u32, Option<u32>),
        environment: &[(&str, &str)],
        expected: Result<(u32, bool), &str>,
    ) {
        let variable = |name: &str| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        };
        let found = Caller::new(real_uid, uid, variable);
        let found = found.map(|caller| (caller.uid, caller.all_users));
        let expected = expected.map_err(str::to_owned);
        assert_eq!(found.map_err(|error: CallerError| error.to_string()), expected);
    }

    #[test]
    fn root_works_for_itself_or_for_who_asked_for_it() {
        check((0, None), &[], Ok((0, true)));
        check((0, None), &[("SUDO_UID", "1000")], Ok((1000, true)));
        check((0, None), &[("PKEXEC_UID", "1001")], Ok((1001, true)));
        check((0, Some(1002)), &[("SUDO_UID", "1000")], Ok((1002, true)));
        check((0, Some(0)), &[], Ok((0, true)));
    }

    #[test]
    fn another_user_works_for_itself_whatever_it_says() {
        check((1000, None), &[("SUDO_UID", "0"), ("PKEXEC_UID", "0")], Ok((1000, false)));
        check((1000, Some(1000)), &[], Ok((1000, false)));
        let expected = "user 1000 may not have it work for user 0, only root may";
        check((1000, Some(0)), &[], Err(expected));
    }

    #[test]
    fn what_is_no_user_is_refused() {
        let expected = Err(r#"SUDO_UID is not a user id: "alice""#);
        check((0, None), &[("SUDO_UID", "alice")], expected);
    }
}
