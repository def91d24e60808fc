//! The user's session: where its files, its tools and its bus are.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Desktop, SysproxyError};

/// What a tool of the session is told of it.
const VARIABLES: [&str; 5] =
    ["HOME", "XDG_CONFIG_HOME", "XDG_DATA_DIRS", "XDG_RUNTIME_DIR", "GSETTINGS_SCHEMA_DIR"];

/// Where tools are, beside the user's own path.
const TOOL_FOLDERS: [&str; 3] = ["/usr/bin", "/bin", "/usr/local/bin"];

/// Whose process this is.
pub(super) fn uid() -> Option<u32> {
    Some(fs::metadata("/proc/self").ok()?.uid())
}

impl Desktop<'_> {
    /// An absolute path out of the environment, as the XDG base directory specification has it.
    fn folder(&self, name: &str) -> Option<PathBuf> {
        (self.env)(name).map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// Returns the folder of the user's settings.
    pub(super) fn config(&self) -> Option<PathBuf> {
        self.folder("XDG_CONFIG_HOME").or_else(|| Some(self.folder("HOME")?.join(".config")))
    }

    /// Finds a tool.
    pub(super) fn tool(&self, name: &str) -> Option<String> {
        let path = (self.env)("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
        let mut candidates = folders.chain(TOOL_FOLDERS.map(PathBuf::from));
        let found = candidates.find_map(|folder| {
            let path = folder.join(name);
            path.is_file().then_some(path)
        });
        found.and_then(|path| path.into_os_string().into_string().ok())
    }

    /// Returns whether a desktop of that name is running.
    pub(super) fn runs(&self, name: &str) -> bool {
        let current = (self.env)("XDG_CURRENT_DESKTOP").unwrap_or_default();
        current.to_string_lossy().split(':').any(|part| part.eq_ignore_ascii_case(name))
    }

    /// Returns the address of the session's bus; `sudo` takes the variable away, and the bus stays.
    pub(super) fn bus(&self) -> Option<String> {
        if let Some(address) = (self.env)("DBUS_SESSION_BUS_ADDRESS").filter(|it| !it.is_empty()) {
            return address.into_string().ok();
        }
        let of_user = || Some(self.fs_root.join(format!("run/user/{}", uid()?)));
        let is_socket =
            |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_socket());
        let folders = [self.folder("XDG_RUNTIME_DIR"), of_user()];
        let sockets = folders.into_iter().flatten().map(|folder| folder.join("bus"));
        let socket = sockets.into_iter().find(|path| is_socket(path))?;
        Some(format!("unix:path={}", socket.to_str()?))
    }

    /// Words a command such that it finds the session, whoever runs it.
    pub(super) fn command(&self, tool: &str, arguments: &[&str]) -> Vec<String> {
        let mut words = vec!["env".to_owned(), "LC_ALL=C".to_owned()];
        let given = VARIABLES.iter().filter_map(|name| {
            let value = (self.env)(name)?.into_string().ok()?;
            Some(format!("{name}={value}"))
        });
        words.extend(given);
        match self.bus() {
            Some(address) => words.push(format!("DBUS_SESSION_BUS_ADDRESS={address}")),
            // Nobody is logged in: settings are kept by a service that needs a bus all the same.
            None => words.extend(
                self.tool("dbus-run-session").map(|run| [run, "--".into()]).into_iter().flatten(),
            ),
        }
        words.push(tool.to_owned());
        words.extend(arguments.iter().map(|&word| word.to_owned()));
        words
    }

    /// Returns whether a command of the session finds a bus.
    pub(super) fn has_bus(&self) -> bool {
        self.bus().is_some() || self.tool("dbus-run-session").is_some()
    }

    /// Runs a command that only reads, and returns what it prints.
    pub(super) fn ask(&self, words: &[String]) -> Result<String, SysproxyError> {
        let failed = |said: String| SysproxyError::Tool {
            program: words.iter().rfind(|word| word.starts_with('/')).cloned().unwrap_or_default(),
            said,
        };
        let output = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).output();
        let output = output.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
