//! What a regular expression finds at most, as `LIKE` says it.

use super::Value;
use super::cond::Cond;
use crate::Pattern;

/// SQLite refuses patterns of 50,000 bytes; so much of one is never needed.
const MAX_BYTES: usize = 1000;

/// Returns which texts of a column an expression can be found in. What it makes of NULL counts as
/// not found.
pub(super) fn finds(column: &str, pattern: &Pattern) -> Cond {
    let Some(alternatives) = alternatives(pattern.as_str()) else {
        return Cond::Is(format!("({column} IS NOT NULL)"), Vec::new());
    };
    // LIKE reads a text up to its first NUL.
    let odd = format!("ifnull(instr({column}, char(0)) > 0, 0)");
    let one = |like| {
        let text = format!("ifnull({column} LIKE ? ESCAPE '\\', 0)");
        Cond::Is(text, vec![Value::Text(like)])
    };
    Cond::any(alternatives.into_iter().map(one).chain([Cond::Is(odd, Vec::new())]))
}

/// Puts an expression in the form of `LIKE`, one for each alternative; `None` for one that says
/// more than plain text.
fn alternatives(expression: &str) -> Option<Vec<String>> {
    let mut all = vec![String::from("%")];
    let mut chars = expression.chars().peekable();
    let mut begins = true;
    while let Some(char) = chars.next() {
        let like = all.last_mut()?;
        let literal = match char {
            '^' if begins => continue,
            '$' if chars.peek().is_none_or(|next| *next == '|') => continue,
            '|' => {
                like.push('%');
                all.push(String::from("%"));
                begins = true;
                continue;
            }
            '.' => {
                let many = chars.next_if(|next| matches!(next, '*' | '+')).is_some();
                like.push(if many { '%' } else { '_' });
                if many {
                    // As few as can be are as many to whoever only looks.
                    chars.next_if_eq(&'?');
                }
                None
            }
            '\\' => Some(chars.next().filter(char::is_ascii_punctuation)?),
            '^' | '$' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' => return None,
            plain => Some(plain),
        };
        begins = false;
        if let Some(literal) = literal {
            push(all.last_mut()?, literal);
        }
        if chars.peek().is_some_and(|next| matches!(next, '*' | '+' | '?' | '{')) {
            return None;
        }
    }
    all.last_mut()?.push('%');
    let says_something = |like: &String| like.chars().any(|char| !matches!(char, '%' | '_'));
    let is_short = all.iter().map(String::len).sum::<usize>() <= MAX_BYTES;
    (is_short && all.iter().all(says_something)).then_some(all)
}

/// Adds a character that is looked for without regard to case.
fn push(like: &mut String, literal: char) {
    match literal {
        '%' | '_' | '\\' => like.extend(['\\', literal]),
        // The Kelvin sign and the long s are the same without regard to case, and LIKE knows the
        // cases of ASCII alone.
        'k' | 'K' | 's' | 'S' => like.push('_'),
        ascii if ascii.is_ascii() => like.push(ascii),
        _ => like.push('_'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expression: &str, expected: Option<&[&str]>) {
        let found = alternatives(expression);
        let found = found.as_ref().map(|all| all.iter().map(|it| &**it).collect::<Vec<_>>());
        assert_eq!(found.as_deref(), expected, "{expression}");
    }

    #[test]
    fn plain_text_becomes_a_pattern_and_all_else_none() {
        check("api", Some(&["%api%"]));
        check("^http://a\\.b/$", Some(&["%http://a.b/%"]));
        check("a.b", Some(&["%a_b%"]));
        check("a.*b", Some(&["%a%b%"]));
        check("a.+?b", Some(&["%a%b%"]));
        check("a|b", Some(&["%a%", "%b%"]));
        check("^a$|^b$", Some(&["%a%", "%b%"]));
        check("100%_", Some(&["%100\\%\\_%"]));
        check("task", Some(&["%ta__%"]));
        check("é1", Some(&["%_1%"]));
        for other in
            ["", ".", "a*", "a?", "(a)", "[a]", "\\d", "a{2}", "a|", "\\bx", "a^", "a$b", "é"]
        {
            check(other, None);
        }
        check(&"x".repeat(2000), None);
    }
}
