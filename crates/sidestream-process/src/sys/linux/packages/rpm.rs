//! The packages of systems that use RPM, whose database only its own program reads.

use std::path::Path;
use std::process::{Command, Stdio};

const PROGRAM: &str = "/usr/bin/rpm";

/// Tells whether packages are RPM's here: the program alone may be there without any.
pub(super) fn is_used() -> bool {
    let databases = ["/usr/lib/sysimage/rpm", "/var/lib/rpm"];
    Path::new(PROGRAM).exists() && databases.iter().any(|folder| Path::new(folder).exists())
}

/// Asks for the package of a file.
pub(super) fn owner(path: &Path) -> Option<String> {
    let asked = Command::new(PROGRAM)
        .args(["-q", "--queryformat", "%{NAME}\\n", "-f"])
        .arg(path)
        .env_clear()
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    asked.status.success().then(|| first_line(&asked.stdout))?
}

fn first_line(text: &[u8]) -> Option<String> {
    let line = str::from_utf8(text).ok()?.lines().next()?;
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::first_line;

    #[test]
    fn of_several_packages_the_first_is_told() {
        assert_eq!(first_line(b"bash\nbash\n").as_deref(), Some("bash"));
        assert_eq!(first_line(b""), None);
    }
}
