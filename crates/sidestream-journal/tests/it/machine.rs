//! A machine made of a temporary folder, and what is in it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sidestream_journal::{Journal, JournalError, Part, Subject, Transaction};
use tempfile::TempDir;

pub(crate) struct Machine {
    folder: TempDir,
}

/// What a tree holds, by path: kind, mode and contents.
pub(crate) type Tree = BTreeMap<PathBuf, String>;

impl Machine {
    pub(crate) fn new() -> Self {
        let machine = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(machine.path("etc/generated")).unwrap();
        fs::write(machine.path("etc/bundle"), "theirs\n").unwrap();
        fs::write(machine.path("etc/generated/all"), "theirs\n").unwrap();
        fs::write(machine.path("etc/generated/old"), "old\n").unwrap();
        std::os::unix::fs::symlink("all", machine.path("etc/generated/link")).unwrap();
        machine
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn journal(&self) -> Journal {
        Journal::open(&self.path("state")).unwrap()
    }

    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        read(&self.path("etc"), &mut tree);
        tree
    }
}

fn read(path: &Path, tree: &mut Tree) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let what = if metadata.is_symlink() {
        format!("-> {}", fs::read_link(path).unwrap().display())
    } else if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), tree);
        }
        format!("{:o}/", metadata.mode())
    } else {
        format!("{:o} {}", metadata.mode(), fs::read_to_string(path).unwrap())
    };
    tree.insert(path.to_owned(), what);
}

pub(crate) fn subject() -> Subject {
    Subject::new("test", "everything").with_key("k")
}

/// A part that is a line.
pub(crate) fn line(text: &str) -> Option<Part> {
    Some(Part { kind: "line".into(), bytes: text.into() })
}

/// The command that makes what is generated from the anchors.
pub(crate) fn generator(root: &Path) -> Vec<String> {
    let script = "cd \"$0/etc\"; { echo theirs; cat anchors/* 2>/dev/null; } > generated/.new; \
                  mv generated/.new generated/all; rm -f generated/link; ln -s all generated/link; \
                  if [ -e anchors/ours ]; then mkdir -p generated/more; echo 1 > generated/more/1; \
                  rm -f generated/old; else rm -rf generated/more; echo old > generated/old; fi";
    ["sh", "-c", script, root.to_str().unwrap()].map(str::to_owned).to_vec()
}

/// Takes every kind of step.
pub(crate) fn everything(journal: &Journal, root: &Path) -> Result<Transaction, JournalError> {
    let mut change = journal.begin(subject())?;
    change.write(&root.join("etc/bundle"), b"theirs\nours\n", line("ours\n"))?;
    let words = generator(root);
    let watch = change.watch(&[root.join("etc/generated")], &words, None)?;
    change.create_dir(&root.join("etc/anchors"))?;
    change.write(&root.join("etc/anchors/ours"), b"ours\n", None)?;
    change.run(&words)?;
    change.settle(watch)?;
    Ok(change)
}
