//! The databases of Firefox, Thunderbird and Chromium, changed by NSS's own tool.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sidestream_journal::Transaction;

use super::{Place, Scope, Store, Stores, TrustError};
use crate::trusted::pem_holds;
use crate::{sys, tree};

/// Whose database it is that is made here.
const CHROMIUM: &str = "Chromium";

/// How many profiles are looked at, and certificates of one.
const MAX_PROFILES: usize = 256;
const MAX_CERTIFICATES: usize = 512;

/// The files of a database.
const FILES: [&str; 3] = ["cert9.db", "key4.db", "pkcs11.txt"];

/// Takes a certificate out by its nickname; that it is not there is well.
const TAKE_OUT: &str = "\"$0\" -L -d \"$1\" -n \"$2\" >/dev/null 2>&1 || exit 0; \
                        exec \"$0\" -D -d \"$1\" -n \"$2\"";

/// The same with a database that we made: one that holds nothing else goes as well.
const TAKE_OUT_ALL: &str = "\"$0\" -D -d \"$1\" -n \"$2\" >/dev/null 2>&1; \
                            \"$0\" -L -d \"$1\" 2>/dev/null | \
                            grep -q ' [pPcCTuw]*,[pPcCTuw]*,[pPcCTuw]* *$' && exit 0; \
                            shift 2; rm -f \"$@\"";

pub(super) fn places(stores: &Stores<'_>) -> Vec<Place> {
    let tree = stores.tree();
    let home = (stores.env)("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let mut places: Vec<Place> = Vec::new();
    for database in &sys::DATABASES {
        let (folder, any) = match database.folder.strip_suffix("/*") {
            Some(folder) => (folder, true),
            None => (database.folder, false),
        };
        let Some(folder) = tree::expand(folder, home.as_deref()) else { continue };
        let Some(folder) = tree.resolve(&folder).filter(|real| tree.is_dir(real)) else { continue };
        let folders = if any {
            let names = tree.list(&folder, MAX_PROFILES).unwrap_or_default();
            names.into_iter().map(|(name, _)| folder.join(name)).collect()
        } else {
            vec![folder]
        };
        for path in folders.iter().filter_map(|path| tree.resolve(path)) {
            let is_database = tree.resolve(&path.join(FILES[0])).is_some();
            if is_database && !places.iter().any(|place| place.path == path) {
                let (store, scope) = (Store::Nss, Scope::User);
                places.push(Place { store, scope, name: database.name, path, password: None });
            }
        }
    }
    places.extend(yet_to_be_made(stores, &places));
    places
}

/// The database that Chromium makes when it starts for the first time: it finds ours then.
fn yet_to_be_made(stores: &Stores<'_>, places: &[Place]) -> Option<Place> {
    let home = (stores.env)("HOME").map(PathBuf::from).filter(|home| home.is_absolute())?;
    // In a home that is not there, nothing is made.
    let home = stores.tree().resolve(&home).filter(|home| stores.tree().is_dir(home))?;
    let is_installed = sys::CHROMIUMS.iter().any(|name| find(stores, name).is_some());
    let has_one = places.iter().any(|place| place.name == CHROMIUM);
    (is_installed && !has_one).then(|| {
        let (store, scope, path) = (Store::Nss, Scope::User, home.join(".pki/nssdb"));
        Place { store, scope, name: CHROMIUM, path, password: None }
    })
}

pub(super) fn holds(stores: &Stores<'_>, place: &Place) -> Result<bool, TrustError> {
    let tool = Tool::find(stores, place)?;
    Ok(tool.is_made() && tool.nicknames(stores)?.iter().any(|(_, trusted)| *trusted))
}

pub(super) fn put(
    stores: &Stores<'_>,
    place: &Place,
    change: &mut Transaction,
) -> Result<(), TrustError> {
    let tool = Tool::find(stores, place)?;
    let name = stores.own_name();
    let is_made = tool.is_made();
    if !is_made {
        change.create_dir(&tool.folder)?;
    }
    let known = if is_made { tool.nicknames(stores)? } else { Vec::new() };
    let files = tool.files();
    // It is there and not trusted: its attributes are changed, and so given back.
    if let Some((nickname, _)) = known.first() {
        let was = tool.attributes(nickname)?.unwrap_or_default();
        let watch = change.watch(&files, &tool.words(&["-M", "-n", nickname, "-t", &was]), None)?;
        change.run(&tool.words(&["-M", "-n", nickname, "-t", "C,,"]))?;
        return Ok(change.settle(watch)?);
    }
    let script = if is_made { TAKE_OUT } else { TAKE_OUT_ALL };
    let undo = ["sh", "-c", script, &tool.program, &tool.database, &name].map(str::to_owned);
    let paths = files.iter().map(|path| path.display().to_string());
    let undo: Vec<_> = undo.into_iter().chain(paths).collect();
    let watch = change.watch(&files, &undo, None)?;
    if !is_made {
        change.run(&tool.words(&["-N", "--empty-password"]))?;
    }
    let pem = tool.folder.join(format!(".{name}.pem"));
    change.write(&pem, stores.root.pem().as_bytes(), None)?;
    let pem_path = pem.display().to_string();
    let added = change.run(&tool.words(&["-A", "-n", &name, "-t", "C,,", "-a", "-i", &pem_path]));
    change.remove(&pem)?;
    added?;
    Ok(change.settle(watch)?)
}

/// Takes the certificate out under every name it has.
pub(super) fn take_out(
    stores: &Stores<'_>,
    place: &Place,
    change: &mut Transaction,
) -> Result<(), TrustError> {
    let tool = Tool::find(stores, place)?;
    if !tool.is_made() {
        return Ok(());
    }
    for (nickname, _) in tool.nicknames(stores)? {
        change.run(&tool.words(&["-D", "-n", &nickname]))?;
    }
    Ok(())
}

/// Finds a program of the user's.
fn find(stores: &Stores<'_>, name: &str) -> Option<PathBuf> {
    let on_path = (stores.env)("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&on_path)
        .filter(|folder| folder.is_absolute())
        .chain(sys::TOOL_FOLDERS.iter().map(PathBuf::from));
    let mut candidates = folders.map(|folder| stores.tree().outside(&folder).join(name));
    candidates.find(|path| path.is_file())
}

struct Tool {
    program: String,
    folder: PathBuf,
    database: String,
}

impl Tool {
    fn find(stores: &Stores<'_>, place: &Place) -> Result<Self, TrustError> {
        let program = find(stores, "certutil").ok_or(TrustError::NoTool {
            tool: "certutil",
            package: "libnss3-tools (Debian, Ubuntu), nss-tools (Fedora, Alpine) or nss (Arch)",
        })?;
        let folder = stores.tree().outside(&place.path);
        let foreign = |reason: &str| TrustError::Foreign {
            path: place.path.clone(),
            reason: reason.to_owned(),
        };
        let text = |path: &Path| path.to_str().map(str::to_owned);
        let program = text(&program).ok_or_else(|| foreign("certutil's path is no text"))?;
        let path = text(&folder).ok_or_else(|| foreign("its path is no text"))?;
        Ok(Self { program, folder, database: format!("sql:{path}") })
    }

    /// Returns whether the database is there.
    fn is_made(&self) -> bool {
        self.folder.join(FILES[0]).exists()
    }

    fn files(&self) -> Vec<PathBuf> {
        FILES.iter().map(|name| self.folder.join(name)).collect()
    }

    fn words(&self, arguments: &[&str]) -> Vec<String> {
        let (verb, rest) = arguments.split_first().unwrap_or((&"-H", &[]));
        let words = [&[&self.program, *verb, "-d", &self.database], rest].concat();
        words.into_iter().map(str::to_owned).collect()
    }

    /// What the tool prints.
    fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>, TrustError> {
        let words = self.words(arguments);
        let output = Command::new(&words[0])
            .args(&words[1..])
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output();
        let foreign = |reason: String| TrustError::Foreign { path: self.folder.clone(), reason };
        let output = output.map_err(|error| foreign(error.to_string()))?;
        if !output.status.success() {
            return Err(foreign(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
        }
        Ok(output.stdout)
    }

    /// All nicknames with their attributes.
    fn list(&self) -> Result<Vec<(String, String)>, TrustError> {
        let listed = String::from_utf8_lossy(&self.ask(&["-L"])?).into_owned();
        let entry = |line: &str| {
            let (name, attributes) = line.trim_end().rsplit_once(' ')?;
            let is_attributes = attributes.matches(',').count() == 2
                && attributes.chars().all(|c| c == ',' || "pPcCTuw".contains(c));
            is_attributes.then(|| (name.trim().to_owned(), attributes.to_owned()))
        };
        Ok(listed.lines().filter_map(entry).take(MAX_CERTIFICATES).collect())
    }

    /// The nicknames of the root, and whether servers are trusted by it.
    fn nicknames(&self, stores: &Stores<'_>) -> Result<Vec<(String, bool)>, TrustError> {
        let mut found = Vec::new();
        for (name, attributes) in self.list()? {
            let Ok(pem) = self.ask(&["-L", "-a", "-n", &name]) else { continue };
            if pem_holds(&pem, stores.root) {
                let is_trusted = attributes.split(',').next().is_some_and(|ssl| ssl.contains('C'));
                found.push((name, is_trusted));
            }
        }
        Ok(found)
    }

    fn attributes(&self, nickname: &str) -> Result<Option<String>, TrustError> {
        let listed = self.list()?.into_iter();
        Ok(listed.filter(|(name, _)| name == nickname).map(|(_, attributes)| attributes).next())
    }
}
