//! Linux: the places of its distributions.

use std::{fs::Metadata, os::unix::fs::MetadataExt as _};

use super::{Browser, Database, System};

pub(crate) const HAS_PLACES: bool = true;

/// All trusted roots in one file, in the order in which runtimes look for them.
pub(crate) static BUNDLES: [&str; 17] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Arch, Gentoo, Alpine, NixOS
    "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",             // openSUSE
    "/etc/pki/tls/cacert.pem",            // OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
    "/etc/ssl/cert.pem",                  // Alpine
    "/etc/pki/tls/cert.pem",              // OpenSSL on Fedora
    "/etc/ssl/certs/ca-bundle.crt",       // NixOS
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem", // Arch
    "/var/lib/ca-certificates/ca-bundle.pem", // openSUSE
    "/usr/lib/ssl/cert.pem",              // OpenSSL on Debian
    "/usr/local/ssl/cert.pem",            // OpenSSL built by hand
    "/usr/share/ssl/certs/ca-bundle.crt",
    "/home/linuxbrew/.linuxbrew/etc/ca-certificates/cert.pem",
    "/home/linuxbrew/.linuxbrew/etc/openssl@3/cert.pem",
    "/nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/openssl/ca-bundle.trust.crt", // OpenSSL's own kind of PEM, which takes the plain one
];

/// Directories in which OpenSSL finds a root by the hash of its subject, and others read every file.
pub(crate) static DIRECTORIES: [&str; 8] = [
    "/etc/ssl/certs",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted/pem/directory-hash",
    "/etc/ca-certificates/extracted/cadir",
    "/var/lib/ca-certificates/openssl",
    "/var/lib/ca-certificates/pem",
    "/usr/lib/ssl/certs",
    "/usr/local/ssl/certs",
];

/// Directories whose every certificate is a root for p11-kit, which GnuTLS and NSS ask on these systems.
pub(crate) static ANCHORS: [&str; 3] = [
    "/etc/pki/ca-trust/source/anchors",          // Fedora, RHEL
    "/etc/ca-certificates/trust-source/anchors", // Arch
    "/etc/pki/trust/anchors",                    // openSUSE
];

/// Java key stores that a distribution keeps for all its JDKs.
pub(crate) static JAVA_STORES: [&str; 5] = [
    "/etc/ssl/certs/java/cacerts",                 // Debian, Alpine
    "/etc/pki/java/cacerts",                       // Fedora, RHEL
    "/etc/pki/ca-trust/extracted/java/cacerts",    // Fedora, RHEL
    "/etc/ca-certificates/extracted/java-cacerts", // Arch
    "/var/lib/ca-certificates/java-cacerts",       // openSUSE
];

/// Folders whose children are JDKs, or programs that bring one; `~` is the user's home.
pub(crate) static JDK_FOLDERS: [&str; 12] = [
    "/usr/lib/jvm",
    "/usr/lib64/jvm",
    "/usr/java",
    "/usr/local",
    "/opt",
    "/opt/java",
    "/home/linuxbrew/.linuxbrew/opt",
    "~/.sdkman/candidates/java",
    "~/.jdks",
    "~/.gradle/jdks",
    "~/.asdf/installs/java",
    "~/.local/share/mise/installs/java",
];

/// Browsers of Chromium's family. Brave's and Chromium's folders lie in `/etc`, which is never covered: they must be there.
pub(crate) static BROWSERS: [Browser; 6] = [
    Browser { folder: "/etc/brave", found_by: &[] },
    Browser { folder: "/etc/chromium", found_by: &[] }, // Debian, Fedora; every build without a brand
    Browser { folder: "/etc/chromium-browser", found_by: &[] }, // Ubuntu
    Browser { folder: "/etc/opt/chrome", found_by: &["/opt/google/chrome"] },
    Browser {
        folder: "/etc/opt/chrome_for_testing",
        found_by: &["~/.cache/ms-playwright", "~/.cache/puppeteer", "~/.cache/selenium"],
    },
    Browser { folder: "/etc/opt/edge", found_by: &["/opt/microsoft/msedge"] },
];

/// What distributions make their bundles from, the more particular first: the first that is there is the one.
pub(crate) static SYSTEMS: [System; 4] = [
    System {
        name: "Fedora",
        is_there: "/etc/pki/ca-trust/source",
        anchors: "/etc/pki/ca-trust/source/anchors",
        tools: &[&["update-ca-trust", "extract"]],
        afresh: &[],
        scratch: None,
        generated: &["/etc/pki/ca-trust/extracted"],
    },
    System {
        name: "Arch",
        is_there: "/etc/ca-certificates/trust-source",
        anchors: "/etc/ca-certificates/trust-source/anchors",
        tools: &[&["update-ca-trust"], &["trust", "extract-compat"]],
        afresh: &[],
        scratch: None,
        generated: &["/etc/ca-certificates/extracted", "/etc/ssl/certs"],
    },
    System {
        name: "openSUSE",
        is_there: "/etc/pki/trust",
        anchors: "/etc/pki/trust/anchors",
        tools: &[&["update-ca-certificates"]],
        afresh: &["--fresh"],
        scratch: None,
        generated: &["/var/lib/ca-certificates"],
    },
    System {
        name: "Debian", // Ubuntu, Alpine, Gentoo
        is_there: "/etc/ssl/certs",
        anchors: "/usr/local/share/ca-certificates",
        tools: &[&["update-ca-certificates"]],
        afresh: &["--fresh"],
        scratch: Some("/etc/ssl/certs/ca-certificates.crt.new"),
        generated: &["/etc/ssl/certs"],
    },
];

/// Where a distribution keeps its tools.
pub(crate) static TOOL_FOLDERS: [&str; 6] =
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];

/// Browsers that make `~/.pki/nssdb` when they start for the first time.
pub(crate) static CHROMIUMS: [&str; 6] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "brave-browser",
    "microsoft-edge",
];

/// The databases of NSS that a user has; a `*` is any folder.
pub(crate) static DATABASES: [Database; 13] = [
    Database { name: "Chromium", folder: "~/.pki/nssdb" },
    Database { name: "Chromium", folder: "~/.local/share/pki/nssdb" },
    Database { name: "Chromium (snap)", folder: "~/snap/chromium/current/.pki/nssdb" },
    Database { name: "Chromium (Flatpak)", folder: "~/.var/app/org.chromium.Chromium/.pki/nssdb" },
    Database { name: "Chrome (Flatpak)", folder: "~/.var/app/com.google.Chrome/.pki/nssdb" },
    Database { name: "Firefox", folder: "~/.mozilla/firefox/*" },
    Database { name: "Firefox", folder: "~/.config/mozilla/firefox/*" },
    Database { name: "Firefox (snap)", folder: "~/snap/firefox/common/.mozilla/firefox/*" },
    Database {
        name: "Firefox (Flatpak)",
        folder: "~/.var/app/org.mozilla.firefox/.mozilla/firefox/*",
    },
    Database { name: "LibreWolf", folder: "~/.librewolf/*" },
    Database { name: "Thunderbird", folder: "~/.thunderbird/*" },
    Database { name: "Thunderbird (snap)", folder: "~/snap/thunderbird/common/.thunderbird/*" },
    Database {
        name: "Thunderbird (Flatpak)",
        folder: "~/.var/app/org.mozilla.Thunderbird/.thunderbird/*",
    },
];

/// The permission bits.
pub(crate) fn mode(metadata: &Metadata) -> u32 {
    metadata.mode() & 0o777
}
