//! What is remembered, and for how long.

use super::*;

const PERIOD: Duration = Duration::from_secs(600);

fn process(path: &str) -> Process {
    Process { path: Some(path.into()), ..Process::default() }
}

fn is_refused(refusals: &Refusals, process: Option<&Process>, host: &str) -> bool {
    refusals.of(process).is_some_and(|hosts| hosts.contains_key(host))
}

#[test]
fn an_alert_counts_at_once_for_that_program_and_host_alone() {
    let (refusals, a, b) = (Refusals::default(), process("/bin/a"), process("/bin/b"));
    assert!(refusals.note(Some(&a), "x.test", true, PERIOD));
    assert!(is_refused(&refusals, Some(&a), "x.test"));
    assert!(!is_refused(&refusals, Some(&a), "y.test"));
    assert!(!is_refused(&refusals, Some(&b), "x.test"));
    assert!(!is_refused(&refusals, None, "x.test"));
}

#[test]
fn a_close_without_an_alert_counts_the_second_time() {
    let refusals = Refusals::default();
    assert!(!refusals.note(None, "x.test", false, PERIOD));
    assert!(!is_refused(&refusals, None, "x.test"));
    assert!(!refusals.note(None, "y.test", false, PERIOD));
    assert!(refusals.note(None, "x.test", false, PERIOD));
    assert!(is_refused(&refusals, None, "x.test"));
    assert!(!is_refused(&refusals, None, "y.test"));
}

#[test]
fn the_oldest_are_forgotten() {
    let (refusals, a, b) = (Refusals::default(), process("/bin/a"), process("/bin/b"));
    refusals.note(Some(&a), "first.test", true, PERIOD);
    refusals.note(Some(&a), "second.test", true, PERIOD);
    refusals.note(Some(&a), "first.test", true, PERIOD);
    for number in 2..MAX_REFUSALS {
        refusals.note(Some(&b), &format!("{number}.test"), number % 2 == 0, PERIOD);
    }
    assert!(is_refused(&refusals, Some(&a), "second.test"));
    refusals.note(None, "one-more.test", true, PERIOD);
    assert!(!is_refused(&refusals, Some(&a), "second.test"));
    assert!(is_refused(&refusals, Some(&a), "first.test"));
    let inner = refusals.0.lock().unwrap();
    assert_eq!((inner.order.len(), inner.places.len()), (MAX_REFUSALS, MAX_REFUSALS));
}
