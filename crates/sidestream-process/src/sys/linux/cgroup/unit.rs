//! From the path of a control group to a systemd unit.

/// The kinds of units that have processes. Slices only hold other units.
const SUFFIXES: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];

/// The longest name that systemd gives a unit.
const MAX_LEN: usize = 255;

/// Finds the innermost unit: below a user's manager, that user's own unit.
pub(super) fn find(components: &[&str]) -> Option<String> {
    let innermost = components.iter().rev().find_map(|component| name(component))?;
    Some(innermost.to_owned())
}

/// Returns the name of the unit that a component is.
pub(super) fn name(component: &str) -> Option<&str> {
    // systemd puts an underscore before a name that the kernel would take for a file of its own,
    // such as `cpu.service`.
    let name = component.strip_prefix('_').unwrap_or(component);
    let bare = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    (!bare.is_empty() && name.len() <= MAX_LEN && name.bytes().all(plain)).then_some(name)
}
