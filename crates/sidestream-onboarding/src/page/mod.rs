//! The page, for browsers and for terminals.

use crate::HOST;
use crate::platform::Platform;
use crate::site::Site;

/// What a browser is shown where there is nothing.
pub(crate) const NOT_FOUND: &str = include_str!("not_found.html");

/// What is for all systems, after the steps of each.
const COMMON: [(&str, &str, &str); 3] = [
    ("firefox", "Firefox", include_str!("firefox.html")),
    ("programs", "Java, Python, Node.js and other programs", include_str!("programs.html")),
    ("remove", "Remove it again", include_str!("remove.html")),
];

impl Platform {
    /// Returns its name in addresses, its name for people, and its steps.
    const fn section(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ios => ("ios", "iPhone and iPad", include_str!("ios.html")),
            Self::Android => ("android", "Android", include_str!("android.html")),
            Self::Windows => ("windows", "Windows", include_str!("windows.html")),
            Self::Macos => ("macos", "macOS", include_str!("macos.html")),
            Self::Linux => ("linux", "Linux", include_str!("linux.html")),
        }
    }
}

/// Writes the page with the steps for the visitor's own system open, and first.
pub(crate) fn html(site: &Site, own: Option<Platform>) -> String {
    let platforms = Platform::in_order(own).map(|platform| {
        let (id, title, steps) = platform.section();
        details(id, title, steps, own == Some(platform))
    });
    let common = COMMON.iter().map(|(id, title, steps)| details(id, title, steps, false));
    let sections: String = platforms.chain(common).collect();
    let rows = site.downloads.iter().map(|download| {
        let (file, purpose) = (download.file_name(), download.purpose);
        format!("<tr><td><a href=\"/{file}\">{file}</a></td><td>{purpose}</td></tr>\n")
    });
    include_str!("frame.html")
        .replace("{style}", include_str!("style.css"))
        .replace("{sections}", &sections)
        .replace("{files}", &rows.collect::<String>())
        .replace("{fingerprint}", &site.fingerprint)
        // Last, as it is the only one that could contain another's mark.
        .replace("{name}", &escape(&site.name))
}

fn details(id: &str, title: &str, steps: &str, is_open: bool) -> String {
    let open = if is_open { " open" } else { "" };
    format!("<details id=\"{id}\"{open}>\n<summary><h2>{title}</h2></summary>\n{steps}</details>\n")
}

/// Writes what a program in a terminal gets.
pub(crate) fn text(site: &Site) -> String {
    let Site { name, fingerprint, .. } = site;
    let mut text = format!(
        "The root of this Sidestream, for the devices whose connections it shall read.\n\n\
         name     {name}\nSHA-256  {fingerprint}\n\n"
    );
    for download in &site.downloads {
        let file = download.file_name();
        text.push_str(&format!("http://{HOST}/{file:<28}{}\n", download.purpose));
    }
    text.push_str("\nThe steps for each system are on this page in a browser.\n");
    text
}

/// Writes text as HTML or XML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
