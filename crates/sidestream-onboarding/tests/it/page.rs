//! The page in a browser.

use sidestream_onboarding::Site;

use crate::{authority, browse, site, text};

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1";
const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 17_7 like Mac OS X) AppleWebKit/605.1.15";
const PIXEL: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36";
const EDGE: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36 Edg/137.0.0.0";
const SAFARI: &str = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0";

/// Returns the titles of the sections in their order, the open ones marked.
fn outline(html: &str) -> String {
    let sections = html.split("<details ").skip(1).map(|section| {
        let (tag, rest) = section.split_once('>').unwrap();
        let title = rest.split("<h2>").nth(1).unwrap().split("</h2>").next().unwrap();
        if tag.ends_with(" open") { format!("[{title}]") } else { title.to_owned() }
    });
    sections.collect::<Vec<_>>().join(", ")
}

#[track_caller]
fn check(user_agent: &str, wanted: &str) {
    let response = browse(&site(), "/", user_agent);
    let common = "Firefox, Java, Python, Node.js and other programs, Remove it again";
    assert_eq!(outline(text(&response)), format!("{wanted}, {common}"), "{user_agent}");
}

#[test]
fn the_steps_for_the_visitors_system_come_first() {
    check(IPHONE, "[iPhone and iPad], Android, Windows, macOS, Linux");
    check(IPAD, "[iPhone and iPad], Android, Windows, macOS, Linux");
    check(PIXEL, "[Android], iPhone and iPad, Windows, macOS, Linux");
    check(EDGE, "[Windows], iPhone and iPad, Android, macOS, Linux");
    check(SAFARI, "[macOS], iPhone and iPad, Android, Windows, Linux");
    check(FIREFOX, "[Linux], iPhone and iPad, Android, Windows, macOS");
    check("", "iPhone and iPad, Android, Windows, macOS, Linux");
    check("\u{7f}<script>", "iPhone and iPad, Android, Windows, macOS, Linux");
}

/// Returns what is read on the page.
fn words(html: &str) -> String {
    let (head, body) = html.split_once("<body>").unwrap();
    let title = head.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
    let mut text = format!("{title}\n");
    let mut rest = body;
    while let Some((before, tag)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = tag.split_once('>').unwrap();
        match tag.split(' ').next() {
            Some("h1") => text.push_str("# "),
            Some("summary") => text.push_str("\n## "),
            Some("h3") => text.push_str("### "),
            Some("li") => text.push_str("- "),
            Some("/td") => text.push_str("  "),
            Some("a") => text.push_str(&format!("<{}> ", tag.split('"').rev().nth(1).unwrap())),
            _ => {}
        }
        rest = after;
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(text, |text, (entity, character)| text.replace(entity, character))
}

#[test]
fn the_page_says_what_to_do_on_each_system() {
    let site = site();
    let page = browse(&site, "/", "");
    let page = text(&page).replace(site.fingerprint(), "[fingerprint]");
    insta::assert_snapshot!(words(&page));
}

#[test]
fn the_page_takes_nothing_from_elsewhere_and_runs_nothing() {
    let response = browse(&site(), "/", IPHONE);
    let page = text(&response);
    for forbidden in ["<script", "javascript:", "http://", "https://", "src=\"/", "@import", "url("]
    {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.len() < 24 * 1024, "{} bytes", page.len());
    assert!(page.contains("<html lang=\"en\">"));
    assert!(page.contains("name=\"viewport\""));
    assert!(page.contains("prefers-color-scheme: dark"));
    let (_, policy) =
        response.headers.iter().find(|(name, _)| *name == "content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'"));
}

#[test]
fn every_link_leads_somewhere() {
    let site = site();
    let response = browse(&site, "/", "");
    let links: Vec<_> = text(&response).split("href=\"").skip(1).collect();
    assert!(links.len() > 10);
    for link in links {
        let link = link.split('"').next().unwrap();
        assert!(link == "data:," || browse(&site, link, "").status == 200, "{link}");
    }
    let missing = browse(&site, "/nothing", "");
    assert_eq!(missing.status, 404);
    assert!(text(&missing).contains("href=\"/\""));
}

#[test]
fn every_tag_is_closed_in_its_order() {
    for user_agent in [IPHONE, ""] {
        let response = browse(&site(), "/", user_agent);
        let mut open = Vec::new();
        for tag in text(&response).split('<').skip(1) {
            let name = tag.split(['>', ' ', '\n']).next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if matches!(name, "!doctype" | "meta" | "link") => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}

#[test]
fn the_name_of_a_root_is_shown_and_not_obeyed() {
    let site = Site::new(&authority("<b>\"A&B\"</b> {fingerprint}")).unwrap();
    let response = browse(&site, "/", "");
    let page = text(&response);
    assert!(page.contains("&lt;b&gt;&quot;A&amp;B&quot;&lt;/b&gt; {fingerprint}"));
    assert!(page.contains(site.fingerprint()));
}
