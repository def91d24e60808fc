//! The rules that change exchanges, from all places where they are set.

use std::sync::Arc;

use anyhow::Context;
use sidestream::proxy::{Hook, RuleHook};
use sidestream::rules::{ParseRuleError, Rules};

/// The rules as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleTexts {
    /// `--block-list`.
    pub block_list: Vec<String>,
    /// `--map-local`.
    pub map_local: Vec<String>,
    /// `--map-remote`.
    pub map_remote: Vec<String>,
    /// `--modify-body`.
    pub modify_body: Vec<String>,
    /// `--modify-headers`.
    pub modify_headers: Vec<String>,
}

type Add = fn(&mut Rules, &str) -> Result<(), ParseRuleError>;

impl RuleTexts {
    /// Makes a hook of the rules, if there are some.
    ///
    /// # Errors
    ///
    /// One of them is none, or names a file that cannot be read.
    pub fn hook(&self) -> anyhow::Result<Option<Arc<dyn Hook>>> {
        let kinds: [(&str, &[String], Add); 5] = [
            ("block-list", &self.block_list, Rules::block),
            ("map-local", &self.map_local, Rules::map_local),
            ("map-remote", &self.map_remote, Rules::map_remote),
            ("modify-body", &self.modify_body, Rules::modify_body),
            ("modify-headers", &self.modify_headers, Rules::modify_headers),
        ];
        let mut rules = Rules::default();
        for (name, texts, add) in kinds {
            for text in texts {
                add(&mut rules, text).with_context(|| format!("{name} {text}"))?;
            }
        }
        if rules.is_empty() {
            return Ok(None);
        }
        Ok(Some(Arc::new(RuleHook::new(rules)?)))
    }
}

fn check(text: &str, add: Add) -> Result<String, ParseRuleError> {
    add(&mut Rules::default(), text)?;
    Ok(text.to_owned())
}

/// Checks a rule of `--block-list`.
///
/// # Errors
///
/// It is none; the error says where it is wrong.
pub fn block(text: &str) -> Result<String, ParseRuleError> {
    check(text, Rules::block)
}

/// Checks a rule of `--map-local`.
///
/// # Errors
///
/// It is none; the error says where it is wrong.
pub fn map_local(text: &str) -> Result<String, ParseRuleError> {
    check(text, Rules::map_local)
}

/// Checks a rule of `--map-remote`.
///
/// # Errors
///
/// It is none; the error says where it is wrong.
pub fn map_remote(text: &str) -> Result<String, ParseRuleError> {
    check(text, Rules::map_remote)
}

/// Checks a rule of `--modify-body`.
///
/// # Errors
///
/// It is none; the error says where it is wrong.
pub fn modify_body(text: &str) -> Result<String, ParseRuleError> {
    check(text, Rules::modify_body)
}

/// Checks a rule of `--modify-headers`.
///
/// # Errors
///
/// It is none; the error says where it is wrong.
pub fn modify_headers(text: &str) -> Result<String, ParseRuleError> {
    check(text, Rules::modify_headers)
}
