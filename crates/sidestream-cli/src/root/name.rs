//! What a new root is called.

/// The longest name that fits into a certificate (RFC 5280, upper bounds).
const MAX_CHARS: usize = 64;

/// Names a root after the user and the machine, so that it is recognized in lists of roots.
pub(super) fn root_name() -> String {
    let env = |name: &str| std::env::var(name).ok();
    let user = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(env);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(env));
    named(user.as_deref().unwrap_or_default(), host.as_deref().unwrap_or_default())
}

fn named(user: &str, host: &str) -> String {
    let plain = |text: &str| {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect::<String>()
    };
    let whose = match (plain(user), plain(host)) {
        (user, host) if user.is_empty() => host,
        (user, host) if host.is_empty() => user,
        (user, host) => format!("{user}@{host}"),
    };
    if whose.is_empty() {
        return "Sidestream CA".into();
    }
    let room = MAX_CHARS - "Sidestream CA ()".len();
    format!("Sidestream CA ({})", &whose[..whose.len().min(room)])
}

#[cfg(test)]
mod tests {
    use super::named;

    #[track_caller]
    fn check(user: &str, host: &str, expected: &str) {
        assert_eq!(named(user, host), expected);
    }

    #[test]
    fn names_a_root_after_who_made_it_where() {
        check("ada", "laptop\n", "Sidestream CA (ada@laptop)");
        check("", "laptop", "Sidestream CA (laptop)");
        check("ada", "", "Sidestream CA (ada)");
        check("", "", "Sidestream CA");
        check("a(d)a\u{1b}", "läptop", "Sidestream CA (ada@lptop)");
        let long = named("ada", &"x".repeat(100));
        assert_eq!(long.len(), 64);
    }
}
