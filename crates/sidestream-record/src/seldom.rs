//! What is there of few exchanges and flows, of which very many may be held at once.

use std::fmt;
use std::ops::Deref;

/// A value that takes no more room than a pointer as long as it is empty.
#[derive(Clone)]
pub struct Seldom<T>(Option<Box<T>>);

/// A type that has an empty value.
pub trait Empty: PartialEq + Sized + 'static {
    /// That value.
    const EMPTY: &'static Self;
}

impl<T: Empty + Default> Seldom<T> {
    /// Changes the value.
    pub fn change(&mut self, change: impl FnOnce(&mut T)) {
        change(self.0.get_or_insert_default());
        if **self == *T::EMPTY {
            self.0 = None;
        }
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.0.map(|value| *value).unwrap_or_default()
    }
}

impl<T: Empty> Deref for Seldom<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<T: Empty> From<T> for Seldom<T> {
    fn from(value: T) -> Self {
        Self((value != *T::EMPTY).then(|| Box::new(value)))
    }
}

impl<T> Default for Seldom<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Empty> PartialEq for Seldom<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Empty + Eq> Eq for Seldom<T> {}

impl<T: Empty + fmt::Debug> fmt::Debug for Seldom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        T::fmt(self, f)
    }
}

impl<T: PartialEq + 'static> Empty for Vec<T> {
    const EMPTY: &'static Self = &Self::new();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_takes_the_room_of_a_pointer() {
        assert_eq!(size_of::<Seldom<Vec<u64>>>(), size_of::<usize>());
        let mut seldom = Seldom::from(Vec::<u64>::new());
        assert!(seldom.0.is_none() && seldom.is_empty());
        seldom.change(|list| list.push(7));
        assert_eq!(*seldom, [7]);
        assert_eq!(seldom, Seldom::from(vec![7]));
        assert_eq!(format!("{seldom:?}"), "[7]");
        seldom.change(Vec::clear);
        assert!(seldom.0.is_none());
        assert_eq!(seldom.into_inner(), []);
    }
}
