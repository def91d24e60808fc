//! Words for who a process is, in little room.

use sidestream::flow::{Container, User};

/// How much of an id people need to tell containers apart.
const SHORT_ID_LEN: usize = 12;

/// Words a user: the name, or the number of one without.
pub fn user(user: &User) -> String {
    user.name.clone().unwrap_or_else(|| user.uid.to_string())
}

/// Words a container: `shop (docker, nginx:1.27)`.
pub fn container(container: &Container) -> String {
    let Container { id, name, image, runtime } = container;
    let short = id.get(..SHORT_ID_LEN).filter(|_| id.len() > 2 * SHORT_ID_LEN).unwrap_or(id);
    let name = name.as_deref().unwrap_or(short);
    let more: Vec<&str> = [runtime, image].into_iter().flatten().map(String::as_str).collect();
    if more.is_empty() { name.to_owned() } else { format!("{name} ({})", more.join(", ")) }
}
